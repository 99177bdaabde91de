"""The regions of a workflow's steps: one a step, with explicit local states.

From the ground: `signals`, the words; `table`, what is the same for all; `kinds`, what each kind does;
`undoing`, how it is taken back. Beside it `workflow`, the region over all steps.
"""

from __future__ import annotations

from typing import assert_never

from statewf.compiler import kinds
from statewf.compiler.plan import Plan, Planned
from statewf.compiler.signals import FINAL
from statewf.compiler.table import Table
from statewf.compiler.undoing import passed_on, undoing
from statewf.machine.fsm import Op, Region


def regions(plan: Plan) -> tuple[Region, ...]:
    """The regions of all steps, in document order."""
    pass_on = passed_on(plan)
    return tuple(_region(plan, node, pass_on.get(node.id, ())) for node in plan.nodes.values())


def _region(plan: Plan, node: Planned, pass_on: tuple[Op, ...]) -> Region:
    table = Table(plan, node)
    table.waiting()
    match node.step.type:
        case "function":
            kinds.function(table)
        case "parallel":
            kinds.parallel(table)
        case "condition":
            kinds.condition(table)
        case "human-task":
            kinds.human_task(table)
        case "wait":
            kinds.wait(table)
        case "event":
            kinds.event(table)
        case _:
            assert_never(node.step.type)
    if node.step.on_error == "human-review":
        kinds.review(table)
    for final in FINAL:
        table.on.setdefault(final, {})
    undoing(table, pass_on)
    return table.region()
