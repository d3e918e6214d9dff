"""A pretend supplier that speaks OtomaX as Maxsi does, for tests, for `make run` and for `gateway sandbox`.

The last two digits of the destination choose what happens to a purchase:
"""

from gateway_otomax.sandbox.behaviours import ANY, BEHAVIOURS, Answer, Behaviour, Refusal, State, Tells, table
from gateway_otomax.sandbox.book import Arrival, Kind
from gateway_otomax.sandbox.report_lines import ReportLine
from gateway_otomax.sandbox.reports import Delivery
from gateway_otomax.sandbox.server import PRICES, OtomaxSandbox

__all__ = [
    "ANY",
    "BEHAVIOURS",
    "PRICES",
    "Answer",
    "Arrival",
    "Behaviour",
    "Delivery",
    "Kind",
    "OtomaxSandbox",
    "Refusal",
    "ReportLine",
    "State",
    "Tells",
    "table",
]

__doc__ = f"{__doc__}\n{table()}\n"
