"""A picture as Mermaid text: a `stateDiagram-v2`, as GitHub, GitLab and many wikis draw it.

States first, each with a short id of its own and its name as a label, then the transitions. Mermaid has no
escapes in labels but entity codes (`#59;`), reads Markdown in some of them, and cannot draw an edge between a
compound state and a state within it; such an edge starts at a small box that stands for all states within.

Below: `picture`, `labels`, `colours`. Above: `draw`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import attrs

from statewf.diagram.colours import TONES, tone
from statewf.diagram.labels import fold, fold_name, visible
from statewf.diagram.picture import Edge, Node, Picture

WIDTH = 28  # Mermaid breaks wider rows itself, anywhere
# Characters that end a label or start a comment, HTML or Markdown. `_` and `&` are harmless in `A_B` and `a && b`.
# A row that begins like an item of a list would be drawn as the words "Unsupported markdown: list".
_UNSAFE = re.compile(
    r"[\"#:;<>%{}*`~\\$|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=[#\w])|^[-+](?=\s)|^\d(?=\d*[.)]\s)"
)


def mermaid(picture: Picture) -> str:
    """The text of a picture."""
    return "\n".join(_Text(picture, {node.name: f"s{n}" for n, node in enumerate(picture.nodes)}).lines()) + "\n"


def escaped(text: str) -> str:
    """The text with entity codes for what Mermaid would not take as it is."""
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", text)


@attrs.frozen
class _Text:
    """A text in the making; `ids` by full name."""

    picture: Picture
    ids: dict[str, str]

    def lines(self) -> Iterator[str]:
        yield "stateDiagram-v2"
        yield from self.level(None, self.picture.initial, "    ")
        for edge in self.picture.edges:
            yield f"    {self.edge(edge)}"
        for node in self.picture.nodes:
            if node.kind in ("success", "failure"):
                yield f"    {self.ids[node.name]} --> [*]"
        yield from self.classes()

    def level(self, parent: str | None, initial: str | None, indent: str) -> Iterator[str]:
        """The states directly inside a compound one, or at the top."""
        if initial is not None:
            yield f"{indent}[*] --> {self.ids[initial]}"
        beside = parent is not None and self.picture.by_name[parent].parallel
        apart = 0
        for node in self.picture.inside(parent):
            apart += beside and node.kind != "history"
            if apart > 1 and node.kind != "history":
                yield f"{indent}--"
            yield from self.node(node, indent)
            if node.kind == "final":
                yield f"{indent}{self.ids[node.name]} --> [*]"

    def node(self, node: Node, indent: str) -> Iterator[str]:
        name = self.ids[node.name]
        extra = (*node.lines, *((node.status,) if node.status else ()))
        if node.kind != "compound":
            yield f'{indent}state "{rows(fold_name(node.title))}" as {name}'
            for line in extra:
                yield f"{indent}{name} : {_label([line])}"
            return
        title = " · ".join(map(visible, (node.title, *extra)))  # the title of a compound state is one row
        yield f'{indent}state "{escaped(title)}" as {name} {{'
        yield from self.level(node.name, node.initial, indent + "    ")
        if any(edge.target != node.name for edge in self.picture.inner_edges(node.name)):
            yield f'{indent}    state "any state" as {name}any'
        yield f"{indent}}}"

    def edge(self, edge: Edge) -> str:
        source, target = self.ids[edge.source], self.ids[edge.target]
        if edge.source != edge.target:  # Mermaid draws a loop of a compound state well
            if self.picture.inward(edge):
                source = f"{source}any"
            if self.picture.outward(edge):
                target = self.ids[self.picture.leaf(edge.target)]
        label = "<br/>".join(_label(line.parts) for line in edge.lines)
        return f"{source} --> {target} : {label}"

    def classes(self) -> Iterator[str]:
        """The colours of all that is not a plain state, which has those of the reader's theme."""
        used: dict[str, list[str]] = {}
        for node in self.picture.nodes:
            used.setdefault(tone(node), []).append(self.ids[node.name])
        for name in TONES:
            if name in used and name not in ("normal", "compound"):
                yield from class_lines(name, used[name])


def class_lines(name: str, ids: Iterable[str]) -> Iterator[str]:
    """The colours of that name, and whose they are."""
    colours = TONES[name]
    yield f"    classDef {name} fill:{colours.fill},stroke:{colours.border},color:{colours.text}"
    yield f"    class {','.join(ids)} {name}"


def _label(parts: Iterable[str]) -> str:
    return rows(fold(parts, WIDTH))


def rows(texts: Iterable[str]) -> str:
    """Rows of text in a label."""
    return "<br/>".join(map(escaped, texts))
