"""One table of a machine, no cell left out: what each state does with each event, or what can become of each step.

`states` and `steps` fill it with `cells`. Above: whoever shows one.
"""

from __future__ import annotations

from statewf.checker.states.graph import graph_of
from statewf.checker.table.cells import NEVER, Cell, Row, Table
from statewf.checker.table.states import columns_of, state_rows
from statewf.checker.table.steps import COLUMNS, step_rows
from statewf.compiler.plan import plan
from statewf.definition.model import Workflow
from statewf.machine.fsm import Machine


def table_of(machine: Machine) -> Table:
    """The table of a compiled machine."""
    definition = machine.notes.definition
    if isinstance(definition, Workflow):
        rows = tuple(
            Row(name, note, tuple(Cell(cells.get(column) or NEVER) for column in COLUMNS))
            for name, note, cells in step_rows(plan(definition))
        )
        return Table("steps", COLUMNS, rows)
    graph = graph_of(machine)
    columns = tuple(columns_of(graph))
    return Table("states", columns, tuple(state_rows(graph, columns)))
