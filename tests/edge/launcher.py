"""A gateway as tests need it: `launcher.py [--head S] [--body S] serve …`.

It is less patient with slow clients than a real one, so that a test need not be, and waits for Redis as long as it
takes: on a machine that tests keep busy, a late one is not one that is gone. What happens where it is gone has tests of
its own.
"""

from __future__ import annotations

import argparse
import sys

from gateway.__main__ import main
from gateway.http import redis_limits
from gateway.http.times import Times

if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    defaults = Times.__init__.__kwdefaults__ or {}
    for name in ("head", "body"):
        arguments.add_argument(f"--{name}", type=float, default=defaults[name])
    given, sys.argv[1:] = arguments.parse_known_args()
    defaults.update(vars(given))
    redis_limits.PATIENCE = 5.0
    main()
