"""Pictures of machines: Mermaid for what people write, DOT for tools, SVG for looking.

`draw` is all that others need; `picture` is the model, for those who draw otherwise.
Inside, from the ground: picture, labels, colours, journey, views, then one file a format.
Below: `compiler` and `machine`. Above: `cli` and, later, `web`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, assert_never

from statewf.diagram.views import picture
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, Step

__all__ = ["Format", "draw", "picture"]

Format = Literal["mermaid", "dot", "svg"]


def draw(
    machine: Machine,
    format: Format = "mermaid",
    *,
    flat: bool = False,
    snapshot: Snapshot | None = None,
    steps: Iterable[Step] = (),
) -> str:
    """The picture of a machine as text.

    As it was written, with compound states as boxes and retries as loops; `flat`: the compiled table.
    `snapshot` or `steps` of an instance highlight where it is, where it was, and the way between.
    Raises StatewfError if an SVG is asked for and no Graphviz is there.
    """
    drawn = picture(machine, flat=flat, snapshot=snapshot, steps=steps)
    match format:
        case "mermaid":
            from statewf.diagram.mermaid import mermaid

            return mermaid(drawn)
        case "dot":
            from statewf.diagram.dot import dot

            return dot(drawn)
        case "svg":
            from statewf.diagram.dot import dot
            from statewf.diagram.svg import svg

            return svg(dot(drawn))
        case _:
            assert_never(format)
