"""The command `gateway`, and `python -m gateway`."""

from __future__ import annotations

from gateway.cli import gateway


def main() -> None:
    """Run the command line and leave with its exit code."""
    gateway(prog_name="gateway")


if __name__ == "__main__":
    main()
