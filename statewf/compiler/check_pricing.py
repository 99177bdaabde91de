"""The names in a price list and its billing that lead nowhere: steps or states that are not there, unknown variables.

Below: the definition, `guess`. Above: `emit`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from statewf.compiler.guess import closest
from statewf.definition.model import Definition, Workflow, path_text
from statewf.definition.places import Path
from statewf.definition.pricing import PerExecution, TimeBased
from statewf.errors import Diagnostic

SEEN = ("inputs", "context")  # by billing, when all is over
MOST_LISTED = 5  # names in a hint


def check_pricing(definition: Definition, names: Collection[str]) -> Iterator[Diagnostic]:
    """What must be mended, given the `names` of all steps or states."""
    what = "step" if isinstance(definition, Workflow) else "state"
    for path, name in _priced(definition):
        if name not in names:
            hint = closest(name, names) or f"there is {', '.join(list(names)[:MOST_LISTED])}"
            message = f"there is no {what} {name} that could have a price"
            yield _told(definition, f"unknown-{what}", message, path, hint)
    yield from _billing(definition)


def _priced(definition: Definition) -> Iterator[tuple[Path, str]]:
    """The steps or states that have a price of their own, and where it stands."""
    match definition.pricing:
        case PerExecution(step_rates=rates):
            yield from ((("pricing", "stepRates", name), name) for name in rates)
        case TimeBased(step_multipliers=multipliers):
            yield from ((("pricing", "stepMultipliers", name), name) for name in multipliers)


def _billing(definition: Definition) -> Iterator[Diagnostic]:
    billing = definition.billing
    known = (*SEEN, "results") if isinstance(definition, Workflow) else SEEN
    asked = {} if billing is None else {"customer": billing.customer, "volume": billing.volume}
    for key, expression in asked.items():
        for name in dict.fromkeys(str(read[0]) for read in (expression.reads if expression else ())):
            if name not in known:
                hint = closest(name, known) or f"text stands in quotes: '{name}'; known are {', '.join(known)}"
                yield _told(definition, "unknown-name", f"{name} means nothing here", ("billing", key), hint)


def _told(definition: Definition, code: str, message: str, path: Path, hint: str) -> Diagnostic:
    return Diagnostic(code, message, path_text(path), definition.places.line(path), hint)
