"""What an instance does to a picture: drawn once without it, a picture can be marked many times.

The ids are those that an SVG has: `box3` for the third node or box, `way0` for the first edge or link, `into3` for the
edge that leads from the dot to a first state. Tones are keys of `colours.TONES`.

Below: `picture`, `flow`, `colours`. Above: whoever shows a picture that changes.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from statewf.diagram.colours import box_tone, tone
from statewf.diagram.flow import Box, Flow
from statewf.diagram.picture import Node, Picture


@attrs.frozen
class Mark:
    """How one thing in a picture looks: its `tone`, if it has one; whether an instance is there, or went this way.

    `note` says what it does there, where its tone does not say it all.
    """

    id: str
    tone: str | None = None
    active: bool = False
    taken: bool = False
    note: str | None = None


def unmarked(drawing: Picture | Flow) -> Picture | Flow:
    """The same without any instance. Two pictures of one machine differ in no more than their marks, if these are equal."""
    if isinstance(drawing, Flow):
        boxes = tuple(attrs.evolve(box, fate=None, status=None, warmth=0) for box in drawing.boxes)
        links = tuple(attrs.evolve(link, taken=False) for link in drawing.links)
        return Flow(drawing.name, boxes, links)
    nodes = tuple(attrs.evolve(node, active=False, visited=False, status=None, warmth=0) for node in drawing.nodes)
    edges = tuple(attrs.evolve(edge, taken=False) for edge in drawing.edges)
    return attrs.evolve(drawing, nodes=nodes, edges=edges)


def marks(drawing: Picture | Flow) -> Iterator[Mark]:
    """How everything looks that is drawn."""
    if isinstance(drawing, Flow):
        for place, box in enumerate(drawing.boxes):
            yield _of_box(f"box{place}", box)
        yield from (Mark(f"way{place}", taken=link.taken) for place, link in enumerate(drawing.links))
        return
    first = {drawing.initial, *(node.initial for node in drawing.nodes)}
    for place, node in enumerate(drawing.nodes):
        yield _of_node(f"box{place}", node)
        if node.name in first:
            yield Mark(f"into{place}", taken=node.visited)
    yield from (Mark(f"way{place}", taken=edge.taken) for place, edge in enumerate(drawing.edges))


def _of_node(id: str, node: Node) -> Mark:
    return Mark(id, tone(node), node.active, node.visited, node.status)


def _of_box(id: str, box: Box) -> Mark:
    reached = box.fate not in (None, "ahead")
    if box.shape in ("start", "meet"):
        return Mark(id)
    return Mark(id, box_tone(box), box.fate in ("running", "asked"), reached, box.status)
