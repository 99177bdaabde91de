"""A picture with some of its boxes shut: what is large gets small enough to be seen whole.

A shut box is one node that says how much is in it; edges that led into it or out of it lead to it and from it. Below: `picture`,
`flow`. Above: whoever shows pictures that one can open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

import attrs

from statewf.diagram.flow import Box, Flow, Link
from statewf.diagram.picture import Edge, Node, Picture


def things(drawing: Picture | Flow) -> Sequence[Node | Box]:
    """What is drawn, but for the ways between."""
    return drawing.boxes if isinstance(drawing, Flow) else drawing.nodes


def boxes(drawing: Picture | Flow) -> dict[str, int]:
    """The boxes that can be shut, each with how many states or steps are in it."""
    around = {one.name: one.parent for one in things(drawing)}
    outer_ones = set(around.values())
    found: Counter[str] = Counter()
    for one in things(drawing):
        if one.name not in outer_ones and getattr(one, "shape", "") != "meet":
            outer = one.parent
            while outer is not None:
                found[outer] += 1
                outer = around[outer]
    return dict(found)


def folded(drawing: Picture | Flow, shut: Collection[str]) -> Picture | Flow:
    """The same with those boxes shut; names that no box has are of no matter."""
    sizes = boxes(drawing)
    closed = {name for name in shut if name in sizes}
    if not closed:
        return drawing
    at = _places(things(drawing), closed)
    if isinstance(drawing, Flow):
        kept = tuple(
            _box(box, sizes) if box.name in closed else box for box in drawing.boxes if at[box.name] == box.name
        )
        return Flow(drawing.name, kept, _links(drawing.links, at.__getitem__), drawing.state)
    nodes = tuple(
        _node(node, sizes) if node.name in closed else node for node in drawing.nodes if at[node.name] == node.name
    )
    initial = None if drawing.initial is None else at[drawing.initial]
    nodes = tuple(attrs.evolve(n, initial=None if n.initial is None else at[n.initial]) for n in nodes)
    return Picture(drawing.name, initial, nodes, _edges(drawing.edges, at.__getitem__), drawing.whole)


def _places(drawn: Iterable[Node | Box], closed: Collection[str]) -> dict[str, str]:
    """Where each is to be seen: in the outermost shut box around it, or by itself."""
    around = {one.name: one.parent for one in drawn}
    found: dict[str, str] = {}
    for name, parent in around.items():
        seen, here = name, parent
        while here is not None:
            seen, here = (here if here in closed else seen), around[here]
        found[name] = seen
    return found


def _node(node: Node, sizes: dict[str, int]) -> Node:
    return attrs.evolve(node, kind="normal", lines=(f"{sizes[node.name]:,} states",), initial=None, parallel=False)


def _box(box: Box, sizes: dict[str, int]) -> Box:
    return attrs.evolve(box, shape="folded", lines=(*box.lines, f"{sizes[box.name]:,} steps"))


def _links(links: Iterable[Link], at: Callable[[str], str]) -> tuple[Link, ...]:
    """One link between two that are seen, taken if one of those was that it stands for."""
    joined: dict[tuple[str, str], Link] = {}
    for link in links:
        ends = at(link.source), at(link.target)
        if ends[0] == ends[1] and link.source != link.target:
            continue
        known = joined.get(ends)
        taken = link.taken or (known is not None and known.taken)
        joined[ends] = attrs.evolve(known or link, source=ends[0], target=ends[1], taken=taken)
    return tuple(joined.values())


def _edges(edges: Iterable[Edge], at: Callable[[str], str]) -> tuple[Edge, ...]:
    """Likewise; its lines are those of all."""
    joined: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        ends = at(edge.source), at(edge.target)
        if ends[0] == ends[1] and edge.source != edge.target:
            continue
        known = joined.get(ends)
        lines = edge.lines if known is None else tuple(dict.fromkeys((*known.lines, *edge.lines)))
        joined[ends] = Edge(*ends, lines, edge.taken or (known is not None and known.taken))
    return tuple(joined.values())
