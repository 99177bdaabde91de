"""A picture as Graphviz DOT text.

Nodes keep their full names as ids, so that the text can be read. A compound state is a cluster. An edge to it
ends at the dot where it begins, an edge from it starts at its last state, and both are cut at its border
(`lhead`, `ltail`). Where an edge of it leads inside there is no border to cross: it starts at a small box,
*any state*.

With `ids` what is drawn has an id by its place in the picture, which an SVG keeps: `box3`, `way0`, and `into3` for the
edge that leads from the dot to a first state.

Below: `picture`, `labels`, `colours`. Above: `draw`, and `svg`, which has the text rendered.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping

import attrs

from statewf.diagram.colours import INK, TAKEN, TONES, tone
from statewf.diagram.labels import fold, fold_name
from statewf.diagram.picture import Cause, Edge, Node, Picture

FONT = "Helvetica"  # one font, not a list: a renderer without fontconfig knows no widths for that, and text spills
SMALL = 10  # the size of all text but the names of states, in points
_PLAIN = TONES["normal"]
_NODES = (
    f'style="rounded,filled", fillcolor="{_PLAIN.fill}", color="{_PLAIN.border}", '
    f'fontname="{FONT}", fontsize=12, fontcolor="{_PLAIN.text}", margin="0.16,0.07", height=0.4'
)
HEAD = (
    f'graph [compound=true, nodesep=0.4, ranksep=0.45, pad=0.2, bgcolor="white", fontname="{FONT}", fontsize=12]',
    f"node [shape=box, {_NODES}]",
    f'edge [color="{INK}", arrowsize=0.7, fontname="{FONT}", fontsize={SMALL}, fontcolor="{INK}"]',
)
_STROKES: Mapping[Cause, str] = {"timeout": "dashed", "retry": "dotted", "cancel": "dashed"}
_START = {
    "shape": "circle",
    "label": '""',
    "width": "0.13",
    "height": "0.13",
    "fillcolor": f'"{INK}"',
    "color": f'"{INK}"',
}
_LEFT = '<BR ALIGN="LEFT"/>'
_ANY = {"label": '"any state"', "style": '"rounded,dashed"', "fontsize": str(SMALL), "height": "0.3"}


def dot(picture: Picture, *, ids: bool = False) -> str:
    """The text of a picture."""
    places = {node.name: place for place, node in enumerate(picture.nodes)} if ids else {}
    return "\n".join(_Text(picture, places).lines()) + "\n"


# --- text


def quoted(text: str) -> str:
    """Any text as a DOT id."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def label(rows: Iterable[str]) -> str:
    """Rows of text as a label. Labels know entities too: what looks like one must not be read as one."""
    return '"' + "\\n".join(quoted(re.sub(r"&(?=#?\w+;)", "&amp;", row))[1:-1] for row in rows) + '"'


def titled(title: str, lines: Iterable[str]) -> str:
    """A title with small lines under it, as an HTML-like label, in which a backslash still is an escape."""
    return f"<{'<BR/>'.join([*map(_html, fold_name(title)), *_small(lines)])}>"


def heading(title: str, lines: Iterable[str]) -> str:
    """The same for the corner of a box: the title in bold, and all to the left."""
    rows = [*(f"<B>{_html(row)}</B>" for row in fold_name(title)), *_small(lines)]
    return f"<{''.join(f'{row}{_LEFT}' for row in rows)}>"


def _small(lines: Iterable[str]) -> Iterator[str]:
    return (f'<FONT POINT-SIZE="{SMALL}">{_html(row)}</FONT>' for line in lines for row in fold([line]))


def _html(text: str) -> str:
    return html.escape(text).replace("\\", "\\\\")


def attributes(pairs: Mapping[str, str]) -> str:
    """Names and values behind a node or an edge."""
    return f" [{', '.join(f'{key}={value}' for key, value in pairs.items())}]" if pairs else ""


def identified(kind: str, place: int | None) -> dict[str, str]:
    """The id in an SVG of what has that place in its picture, if it is to have one."""
    return {} if place is None else {"id": f'"{kind}{place}"'}


def cluster_id(name: str) -> str:
    """The id of the box that is drawn for that name."""
    return quoted(f"cluster {name}")


def _start(parent: str | None) -> str:
    return quoted("$start" if parent is None else f"$start {parent}")  # no state has a name that starts with $


def _any(parent: str) -> str:
    return quoted(f"$any {parent}")


# --- nodes and edges


def _box(node: Node, known: dict[str, str]) -> str:
    """The line of a state that is not compound; `known` is its id, if it has one."""
    lines = _lines(node)
    drawn = {"label": titled(node.title, lines) if lines else label(fold_name(node.title))}
    if tone(node) != "normal":
        drawn |= _painted(node)
    if node.kind == "waiting":
        drawn["style"] = '"rounded,filled,dashed"'
    if node.kind in ("success", "failure", "final"):
        drawn["peripheries"] = "2"
    if node.kind == "history":
        drawn |= {"shape": "circle", "fontsize": str(SMALL), "margin": '"0.02"'}
    if node.active:
        drawn["penwidth"] = "2.5"
    return quoted(node.name) + attributes(drawn | known)


def _painted(node: Node) -> dict[str, str]:
    colours = TONES[tone(node)]
    return {"fillcolor": f'"{colours.fill}"', "color": f'"{colours.border}"', "fontcolor": f'"{colours.text}"'}


def _lines(node: Node) -> tuple[str, ...]:
    return (*node.lines, *((node.status,) if node.status else ()))


def _stroke(cause: Cause, taken: bool) -> dict[str, str]:
    drawn = {"style": _STROKES[cause]} if cause in _STROKES else {}
    if cause == "retry":
        drawn["penwidth"] = "1.6"  # thin dots are lost
    if taken:
        drawn |= {"color": f'"{TAKEN}"', "fontcolor": f'"{TAKEN}"', "penwidth": "2.5"}
    return drawn


@attrs.frozen
class _Text:
    """A text in the making; `places` are those of the nodes, if they are to have ids."""

    picture: Picture
    places: Mapping[str, int]

    def lines(self) -> Iterator[str]:
        yield f"digraph {quoted(self.picture.name)} {{"
        yield from (f"    {line}" for line in HEAD)
        yield from self.level(None, self.picture.initial, "    ")
        for place, edge in enumerate(self.picture.edges):
            yield f"    {self.edge(edge, identified('way', place if self.places else None))}"
        yield "}"

    def known(self, kind: str, name: str) -> dict[str, str]:
        """The id of what belongs to a node, if it is to have one."""
        return identified(kind, self.places.get(name))

    def level(self, parent: str | None, initial: str | None, indent: str) -> Iterator[str]:
        """The nodes directly inside a compound one, or at the top, and the dot that leads to the first."""
        if initial is not None:
            head, clip = self.head(initial)
            stroke = _stroke("event", self.picture.by_name[initial].visited)
            yield f"{indent}{_start(parent)}{attributes(_START)}"
            yield f"{indent}{_start(parent)} -> {head}{attributes(stroke | clip | self.known('into', initial))}"
        for node in self.picture.inside(parent):
            if node.kind == "compound":
                yield from self.cluster(node, indent)
            else:
                yield indent + _box(node, self.known("box", node.name))

    def cluster(self, node: Node, indent: str) -> Iterator[str]:
        inner = indent + "    "
        drawn = {"label": heading(node.title, _lines(node)), "labeljust": "l", "margin": "14"}
        beside = node.parent is not None and self.picture.by_name[node.parent].parallel
        style = '"rounded,filled,dashed"' if beside else '"rounded,filled"'  # as UML parts them
        drawn |= {"style": style, **_painted(node), "penwidth": "2" if node.active else "1"}
        drawn |= self.known("box", node.name)
        yield f"{indent}subgraph {cluster_id(node.name)} {{"
        yield from (f"{inner}{key}={value}" for key, value in drawn.items())
        yield from self.level(node.name, node.initial, inner)
        if self.picture.inner_edges(node.name):
            yield inner + _any(node.name) + attributes(_ANY)
        yield f"{indent}}}"

    def edge(self, edge: Edge, known: dict[str, str]) -> str:
        tail, cut = self.tail(edge.source)
        head, clip = self.head(edge.target)
        if self.picture.inward(edge):
            tail, cut = _any(edge.source), {}
        if self.picture.outward(edge):
            clip = {"constraint": "false"}  # it leads back: what it begins anew stays above
        rows = [f"  {row}  " for line in edge.lines for row in fold(line.parts)]  # air between text and edge
        drawn = {"label": label(rows)} | _stroke(edge.cause, edge.taken) | cut | clip | known
        return f"{tail} -> {head}{attributes(drawn)}"

    def head(self, name: str) -> tuple[str, dict[str, str]]:
        """The node at which an edge to this one ends, and where it is cut off."""
        node = self.picture.by_name[name]
        if node.kind != "compound":
            return quoted(name), {}
        if node.parallel:
            return self.head(self.picture.inside(name)[0].name)[0], {"lhead": cluster_id(name)}
        return _start(name), {"lhead": cluster_id(name)}

    def tail(self, name: str) -> tuple[str, dict[str, str]]:
        """Likewise the node at which an edge from it starts: the last inside, so that it leads on downward."""
        if self.picture.by_name[name].kind == "compound":
            return quoted(self.picture.last(name)), {"ltail": cluster_id(name)}
        return quoted(name), {}
