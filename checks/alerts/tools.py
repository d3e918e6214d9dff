"""promtool and Prometheus: from PATH, or from Debian's package.

python -m checks.alerts.tools       prints where they are, and fetches them where they are not
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from checks.debian import Debian, ToolsError

HERE = Path(__file__).parents[2] / ".tools" / "prometheus"
NAMES = ("promtool", "prometheus")


@dataclass(frozen=True)
class Tools:
    """Where the two programs are."""

    promtool: Path
    prometheus: Path


def tools(path: str | None = None, here: Path = HERE) -> Tools:
    """The two programs, fetched once.

    Args:
        path: where programs are looked for, instead of PATH.
        here: where they are kept.

    Raises:
        ToolsError: they cannot be had.
    """
    found = [shutil.which(name, path=path) for name in NAMES]
    if all(found):
        return Tools(*(Path(one) for one in found if one))
    programs = [Path("usr", "bin", name) for name in NAMES]
    Debian(" and ".join(NAMES), ["prometheus"], programs, here, alone=True, path=path).fetch()
    return Tools(*(here / program for program in programs))


if __name__ == "__main__":
    try:
        print(*vars(tools()).values(), sep="\n")
    except ToolsError as error:
        sys.exit(str(error))
