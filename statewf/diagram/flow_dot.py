"""A workflow's picture as Graphviz DOT text, blocks as clusters.

Boxes keep the ids of their steps. An edge can only join nodes, so one to a block ends at a step in its first
row, one from it starts in its last row, and both are cut at the block's border. `ids` are as in `dot`.

Below: `flow`, `labels`, `colours`, `dot` (its quotes and its head). Above: `draw`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from math import isqrt

import attrs

from statewf.diagram.colours import INK, TAKEN, TONES, box_tone
from statewf.diagram.dot import HEAD, attributes, cluster_id, heading, identified, label, quoted, titled
from statewf.diagram.flow import Box, Flow, Link, Shape
from statewf.diagram.labels import fold_name

ROW = 6  # branches in a row of a block, or a few more where there are very many
_SHAPES: dict[Shape, dict[str, str]] = {
    "human-task": {"shape": "note", "style": "filled"},
    "wait": {"shape": "hexagon", "style": "filled", "margin": '"0.05,0.03"'},
    "event": {"peripheries": "2"},
    "folded": {"shape": "box3d", "style": "filled"},
    "condition": {"shape": "diamond", "style": "filled", "margin": '"0,0"'},
}
_POINT = {"shape": "circle", "label": '""', "width": "0.13", "height": "0.13", "fillcolor": f'"{INK}"'}


def flow_dot(flow: Flow, *, ids: bool = False) -> str:
    """The text of a workflow's picture."""
    folds = tuple(_folds(flow))
    places = {box.name: place for place, box in enumerate(flow.boxes)} if ids else {}
    return "\n".join(_Text(flow, folds, _rims(flow, folds), places).lines()) + "\n"


# --- where blocks begin and end


def _folds(flow: Flow) -> Iterator[tuple[str, str]]:
    """Who stands below whom, where the branches of a block would be a row too long."""
    linked = {name for link in flow.links for name in (link.source, link.target)}
    for block in flow.boxes:
        alone = [box.name for box in flow.inside(block.name) if box.shape != "parallel" and box.name not in linked]
        if len(alone) > ROW:
            yield from zip(alone, alone[max(ROW, isqrt(2 * len(alone))) :], strict=False)


@attrs.frozen
class _Rim:
    """Of a box: the nodes in the middle of its first and last row, one or two each, and how many rows it has."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    height: int = 1


def _rims(flow: Flow, folds: Iterable[tuple[str, str]]) -> dict[str, _Rim]:
    before: dict[str, list[str]] = {}
    for source, target in (*((link.source, link.target) for link in flow.links), *folds):
        before.setdefault(target, []).append(source)
    found: dict[str, _Rim] = {}
    for box in reversed(flow.boxes):  # what lies within comes after it, and so first here
        inner = {inside.name: before.get(inside.name, []) for inside in flow.inside(box.name)}
        found[box.name] = _rim(inner, found) if inner else _Rim((box.name,), (box.name,))
    return found


def _rim(inner: dict[str, list[str]], found: dict[str, _Rim]) -> _Rim:
    """The rim of a block with these boxes, each with those before it: no link leads across a border."""
    rows: dict[str, int] = {}  # in which each ends
    for name in TopologicalSorter(inner).static_order():
        rows[name] = max((rows[other] for other in inner[name]), default=0) + found[name].height
    height = max(rows.values())
    top = [node for name in inner if not inner[name] for node in found[name].first]
    bottom = [node for name in inner if rows[name] == height for node in found[name].last]
    return _Rim(_middle(top), _middle(bottom), height)


def _middle(names: list[str]) -> tuple[str, ...]:
    return tuple(names[(len(names) - 1) // 2 : len(names) // 2 + 1])


# --- nodes and edges


@attrs.frozen
class _Text:
    """A text in the making; `places` are those of the boxes, if they are to have ids."""

    flow: Flow
    folds: tuple[tuple[str, str], ...]
    rims: dict[str, _Rim]
    places: Mapping[str, int]

    def lines(self) -> Iterator[str]:
        yield f"digraph {quoted(self.flow.name)} {{"
        yield from (f"    {line}" for line in HEAD)
        yield "    nslimit=3"  # beautiful enough; a hundred choices in each other would take a minute
        if self.flow.title is not None:
            yield f"    label={titled(self.flow.title, ())}"
            yield "    labelloc=t"
        for box in self.flow.inside(None):
            yield from self.box(box, "    ")
        for place, link in enumerate(self.flow.links):
            known = identified("way", place if self.places else None)
            yield from (f"    {line}" for line in self.link(link, known))
        for upper, lower in self.folds:
            yield f"    {quoted(upper)} -> {quoted(lower)} [style=invis]"
        yield "}"

    def box(self, box: Box, indent: str) -> Iterator[str]:
        if box.shape == "parallel":
            yield from self.block(box, indent)
        else:
            yield f"{indent}{quoted(box.name)}{attributes(_node(box) | self.known(box))}"

    def known(self, box: Box) -> dict[str, str]:
        """The id of a box, if it is to have one."""
        return identified("box", self.places.get(box.name))

    def block(self, box: Box, indent: str) -> Iterator[str]:
        colours = TONES[box_tone(box)]
        drawn = {
            "label": heading(box.title, box.small),
            "labeljust": "l",
            "margin": "14",
            "style": '"rounded,filled,dashed"' if box.optional else '"rounded,filled"',
            "fillcolor": f'"{TONES["compound"].fill}"',  # what is in it is told by colours of its own
            "color": f'"{colours.border}"',
            "fontcolor": f'"{TONES["compound"].text}"',
            "penwidth": "1" if box.fate in (None, "ahead") else "2",
            **self.known(box),
        }
        yield f"{indent}subgraph {cluster_id(box.name)} {{"
        yield from (f"{indent}    {key}={value}" for key, value in drawn.items())
        for inner in self.flow.inside(box.name):
            yield from self.box(inner, indent + "    ")
        yield f"{indent}}}"

    def link(self, link: Link, known: dict[str, str]) -> Iterator[str]:
        """The edge, and one that is not seen, where the middle of a block lies between two nodes."""
        drawn = {"label": label([f"  {link.label}  "])} if link.label else {}
        if link.taken:
            drawn |= {"color": f'"{TAKEN}"', "fontcolor": f'"{TAKEN}"', "penwidth": "2.5"}
        if self.flow.by_name[link.source].shape == "parallel":
            drawn["ltail"] = cluster_id(link.source)
        far = {}
        if self.flow.by_name[link.target].shape == "parallel":
            drawn["lhead"] = cluster_id(link.target)
            far = {"minlen": "2"}  # the heading of the block needs room, too
        elif self.flow.by_name[link.target].shape == "meet":
            drawn["arrowhead"] = "none"
        tails, heads = self.rims[link.source].last, self.rims[link.target].first
        yield f"{quoted(tails[0])} -> {quoted(heads[0])}{attributes(drawn | far | known)}"
        if (tails[0], heads[0]) != (tails[-1], heads[-1]):
            yield f"{quoted(tails[-1])} -> {quoted(heads[-1])}{attributes({'style': 'invis'} | far)}"


def _node(box: Box) -> dict[str, str]:
    if box.shape in ("start", "meet"):
        return {**_POINT, "color": f'"{INK}"'}
    colours = TONES[box_tone(box)]
    painted = {"fillcolor": f'"{colours.fill}"', "color": f'"{colours.border}"', "fontcolor": f'"{colours.text}"'}
    if box.shape == "end":
        return {**_POINT, "color": f'"{colours.border}"', "fillcolor": painted["fillcolor"], "peripheries": "2"}
    drawn = {"label": titled(box.title, box.small) if box.small else label(fold_name(box.title))}
    drawn |= {"style": '"rounded,filled"'} | _SHAPES.get(box.shape, {}) | painted
    if box.optional:
        drawn["style"] = f'"{drawn["style"].strip(chr(34))},dashed"'
    if box.fate in ("running", "asked"):
        drawn["penwidth"] = "2.5"
    return drawn
