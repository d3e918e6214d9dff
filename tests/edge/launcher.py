"""A gateway that waits for Redis as long as it takes: on a machine that tests keep busy, a late one is not one that is
gone. What happens where it is gone has tests of its own."""

from __future__ import annotations

from gateway.__main__ import main
from gateway.http import redis_limits

if __name__ == "__main__":
    redis_limits.PATIENCE = 5.0
    main()
