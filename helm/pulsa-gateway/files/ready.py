"""`helm test`: whether each door of the gateway is where it should be. python ready.py CLIENTS REPORTS OPERATIONS"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

DOORS = (
    ("clients", "/v1/products", 401, "asks for a key"),
    ("reports", "/reports/nobody", 403, "refuses a stranger"),
    ("operations", "/readyz", 200, "is ready"),
)


def status(url: str) -> int | str:
    """What is answered there, or why nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the chart's own addresses
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code
    except OSError as error:
        return f"no answer ({error})"


wrong = 0
for base, (door, path, expected, means) in zip(sys.argv[1:], DOORS, strict=True):
    found = status(base + path)
    wrong += found != expected
    said = means if found == expected else f"should answer {expected}, not {found}"
    sys.stdout.write(f"{door}: {path} {said}\n")
sys.exit(wrong)
