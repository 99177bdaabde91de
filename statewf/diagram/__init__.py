"""Pictures of machines: Mermaid for what people write, DOT for tools, SVG for looking.

`draw` is all that others need; `drawing` makes the model and `text` writes it down, for those who look at it
in between. A state machine is a `Picture`, and so is whatever is drawn flat; a step workflow is a `Flow`.
`warmed` makes it one of many instances, with their figures.
Inside, from the ground: picture and flow, warmth, labels, colours; journey, views, mermaid, dot for the one;
standing, flows, flowchart, flow_dot for the other; svg for both.
Below: `compiler` and `machine`. Above: `cli` and, later, `web`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, assert_never

from statewf.compiler import Notes
from statewf.definition.model import Workflow
from statewf.diagram.flow import Flow
from statewf.diagram.flows import flow
from statewf.diagram.picture import Picture
from statewf.diagram.views import picture
from statewf.diagram.warmth import warmed
from statewf.machine.flatten import MOST_STATES
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, Step

__all__ = ["Format", "draw", "drawing", "picture", "text", "warmed"]

Format: TypeAlias = Literal["mermaid", "dot", "svg"]


def draw(
    machine: Machine,
    format: Format = "mermaid",
    *,
    flat: bool = False,
    limit: int = MOST_STATES,
    snapshot: Snapshot | None = None,
    steps: Iterable[Step] = (),
) -> str:
    """The picture of a machine as text.

    As it was written, with compound states as boxes and retries as loops, or steps in the order of their
    dependencies; `flat`: the compiled table, or of a workflow the product of its regions, to a limit.
    `snapshot` or `steps` of an instance highlight where it is, where it was, and the way between.
    Raises StatewfError if an SVG is asked for and no Graphviz is there.
    """
    return text(drawing(machine, flat=flat, limit=limit, snapshot=snapshot, steps=steps), format)


def drawing(
    machine: Machine,
    *,
    flat: bool = False,
    limit: int = MOST_STATES,
    snapshot: Snapshot | None = None,
    steps: Iterable[Step] = (),
) -> Picture | Flow:
    """The model of the picture."""
    definition = machine.notes.definition if isinstance(machine.notes, Notes) else None
    if flat or not isinstance(definition, Workflow):
        return picture(machine, flat=flat, limit=limit, snapshot=snapshot, steps=steps)
    for step in steps if snapshot is None else ():
        snapshot = step.after
    return flow(definition, snapshot)


def text(drawing: Picture | Flow, format: Format) -> str:
    """The picture as text."""
    match format:
        case "mermaid":
            from statewf.diagram.flowchart import flowchart
            from statewf.diagram.mermaid import mermaid

            return flowchart(drawing) if isinstance(drawing, Flow) else mermaid(drawing)
        case "dot":
            from statewf.diagram.dot import dot
            from statewf.diagram.flow_dot import flow_dot

            return flow_dot(drawing) if isinstance(drawing, Flow) else dot(drawing)
        case "svg":
            from statewf.diagram.dot import dot
            from statewf.diagram.flow_dot import flow_dot
            from statewf.diagram.svg import svg

            return svg(flow_dot(drawing, ids=True) if isinstance(drawing, Flow) else dot(drawing, ids=True))
        case _:
            assert_never(format)
