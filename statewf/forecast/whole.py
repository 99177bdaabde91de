"""`forecast`: what will become of an instance, exactly where that can be followed, and else by many lives drawn of it.

Below: `exact`, `crowd`, `extremes`, `rough`. Above: `statewf forecast`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from statewf.compiler import compile_definition
from statewf.definition.model import Definition
from statewf.forecast.assumptions import Assumptions
from statewf.forecast.cases import Extreme
from statewf.forecast.crowd import RUNS, crowd
from statewf.forecast.exact import exact
from statewf.forecast.extremes import extremes
from statewf.forecast.outlook import Outlook
from statewf.forecast.rough import rough
from statewf.machine.fsm import Machine

MOST_STEPS = 2_000_000  # of all lives that are drawn: half a minute, where each leads to where nobody was before


@attrs.frozen
class Forecast:
    """The outlook of a machine under some assumptions, and the best and worst `cases` of each end."""

    outlook: Outlook
    cases: tuple[Extreme, ...]
    assumptions: Assumptions

    def document(self) -> dict[str, Any]:
        """The forecast as JSON, as `statewf forecast --json` prints it."""
        cases = [case.document() for case in self.cases]
        return {**self.outlook.document(), "cases": cases, "seen": dict(self.assumptions.seen)}


def forecast(
    machine: Machine | Definition,
    assumptions: Assumptions | None = None,
    *,
    runs: int = RUNS,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Forecast:
    """What will become of an instance. Raises CompileError for a definition that is wrong.

    `runs` lives are drawn with that `seed` only where the exact way is too long, and fewer if that is too long as
    well; `progress` is told how many there were by then.
    """
    if not isinstance(machine, Machine):
        machine = compile_definition(machine)
    assumptions = assumptions or Assumptions()
    found = exact(machine, assumptions) or crowd(
        machine, assumptions, runs=runs, seed=seed, most=MOST_STEPS, progress=progress
    )
    cases = extremes(machine, assumptions)
    return Forecast(found, rough(machine, assumptions) if cases is None else cases, assumptions)
