"""A picture of many instances: what is to be told of each state or step, and how much of their time is spent there.

Below: `picture` and `flow`. Above: whoever has figures.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from statewf.diagram.flow import Flow
from statewf.diagram.picture import Picture

LEVELS = (0.005, 0.05, 0.2, 0.5)  # shares of the whole time, from which on it is one degree warmer


def warmed(drawing: Picture | Flow, told: Mapping[str, str], time: Mapping[str, float]) -> Picture | Flow:
    """The same, with these words and times, by the names of states or steps."""
    whole = sum(time.values()) or 1.0
    warmth = {name: sum(spent / whole >= level for level in LEVELS) for name, spent in time.items()}
    if isinstance(drawing, Flow):
        boxes = (attrs.evolve(b, status=told.get(b.name), warmth=warmth.get(b.name, 0)) for b in drawing.boxes)
        return attrs.evolve(drawing, boxes=tuple(boxes))
    nodes = (attrs.evolve(n, status=told.get(n.name), warmth=warmth.get(n.name, 0)) for n in drawing.nodes)
    return attrs.evolve(drawing, nodes=tuple(nodes))
