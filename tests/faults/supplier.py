"""Two sandbox suppliers in one process of their own, which outlives every gateway: `supplier.py FOLDER REPORT_URL`.

They listen on free ports, which stand in `FOLDER/ports.json` once they do, and each writes its journal to
`FOLDER/NAME.jsonl`. `REPORT_URL` has `{account}` where the account's name goes. `first` does everything that suppliers
do, by the last two digits of the destination; `second` delivers at once, so that a failure that another supplier can
cure becomes a success there.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from gateway_otomax.sandbox import ANY, BEHAVIOURS, Answer, Behaviour, OtomaxSandbox, State

SLOW = Behaviour(means="slow, in time", answer=Answer.SUCCESS, at_first=State.SUCCESS, wait=0.4)
PAUSES = (0.2, 0.4, 0.6, 0.8, 1.0) * 8
"""A supplier that calls back for half a minute: a report must outlive the restart of the gateway."""


def suppliers(folder: Path, report_url: str) -> dict[str, OtomaxSandbox]:
    """The two, with journals in `folder`."""
    return {
        name: OtomaxSandbox(
            report_url=report_url.format(account=name),
            prices={"XL5": price},
            behaviours=behaviours,
            balance=10**12,
            report_delay=0.3,
            report_pauses=PAUSES,
            hang=5.0,
            journal=folder / f"{name}.jsonl",
        )
        for name, price, behaviours in (
            ("first", 5_400, {**BEHAVIOURS, "98": SLOW}),
            ("second", 5_450, {ANY: BEHAVIOURS["20"]}),
        )
    }


async def main(folder: Path, report_url: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    both = suppliers(folder, report_url)
    ports = {name: await supplier.start("127.0.0.1", 0) for name, supplier in both.items()}
    ready = folder / "ports.new"
    ready.write_text(json.dumps(ports), encoding="utf-8")
    ready.rename(folder / "ports.json")
    await stop.wait()
    for supplier in both.values():
        await supplier.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
