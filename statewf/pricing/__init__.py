"""What an execution costs: bills, line by line and in exact decimals, from what happened and nothing else.

`usage` reads the steps of an instance, `bill` makes the bill of what it has read, `money` knows currencies, `charge` the
event that tells what is to be paid. The same bill comes of steps as they are made and of a history that is replayed.

Below: `compiler`, `definition`, `machine`. Above: the simulator, the runtime, the command line.
"""

from statewf.definition.pricing import CHARGE
from statewf.pricing.bill import Bill, Line, bill, cost, counted, is_timed
from statewf.pricing.charge import billed, charged
from statewf.pricing.usage import Usage, is_priced, usage_of

__all__ = [
    "CHARGE",
    "Bill",
    "Line",
    "Usage",
    "bill",
    "billed",
    "charged",
    "cost",
    "counted",
    "is_priced",
    "is_timed",
    "usage_of",
]
