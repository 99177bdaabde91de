"""A workflow's picture as Mermaid text: a `flowchart`, blocks as subgraphs.

Each box has a short id of its own, so that no id of a step can be misread; what else Mermaid misreads,
`mermaid` tells.

Below: `flow`, `labels`, `colours`, `mermaid` (its escapes). Above: `draw`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import attrs

from statewf.diagram.colours import INK, TAKEN, TONES, box_tone
from statewf.diagram.flow import Box, Flow, Link, Shape
from statewf.diagram.labels import fold, fold_name, visible
from statewf.diagram.mermaid import WIDTH, class_lines, escaped, rows

_SHAPES: dict[Shape, tuple[str, str]] = {
    "folded": ("[[", "]]"),
    "function": ("(", ")"),
    "human-task": ("[\\", "/]"),
    "wait": ("{{", "}}"),
    "event": ("([", "])"),
    "condition": ("{", "}"),
    "start": ("((", "))"),
    "end": ("(((", ")))"),
    "meet": ("((", "))"),
}
_POINTS = ("start", "meet")


def flowchart(flow: Flow) -> str:
    """The text of a workflow's picture."""
    return "\n".join(_Text(flow, {box.name: f"n{n}" for n, box in enumerate(flow.boxes)}).lines()) + "\n"


@attrs.frozen
class _Text:
    """A text in the making; `ids` by name."""

    flow: Flow
    ids: dict[str, str]

    def lines(self) -> Iterator[str]:
        if self.flow.title is not None:
            title = json.dumps(
                visible(self.flow.title), ensure_ascii=False
            )  # a title is YAML, and knows no entities
            yield from ("---", f"title: {title}", "---")
        yield "flowchart TD"
        for box in self.flow.inside(None):
            yield from self.box(box, "    ")
        yield from (f"    {self.link(link)}" for link in self.flow.links)
        yield from self.classes()

    def box(self, box: Box, indent: str) -> Iterator[str]:
        name = self.ids[box.name]
        if box.shape == "parallel":
            title = " · ".join(map(visible, (box.title, *box.small)))  # the title of a subgraph is one row
            yield f'{indent}subgraph {name}["{escaped(title)}"]'
            for inner in self.flow.inside(box.name):
                yield from self.box(inner, indent + "    ")
            yield f"{indent}end"
            return
        texts = [*fold_name(box.title), *(row for line in box.small for row in fold([line], WIDTH))]
        opening, closing = _SHAPES[box.shape]
        yield f'{indent}{name}{opening}"{rows(texts) or " "}"{closing}'

    def link(self, link: Link) -> str:
        arrow = f"-->|{link.label}|" if link.label else "-->"
        return f"{self.ids[link.source]} {arrow} {self.ids[link.target]}"

    def classes(self) -> Iterator[str]:
        """The colours of all that is not a plain step, dashes around what may fail, and the way that was taken."""
        steps: dict[str, list[str]] = {}
        blocks: dict[str, list[str]] = {}
        for box in self.flow.boxes:
            if box.shape not in _POINTS:
                used = blocks if box.shape == "parallel" else steps
                used.setdefault(box_tone(box), []).append(self.ids[box.name])
        for name, colours in TONES.items():
            if name in steps and name != "normal":
                yield from class_lines(name, steps[name])
            if name in blocks and name not in ("normal", "compound"):  # what is in it has colours of its own
                yield f"    classDef {name}Block fill:{TONES['compound'].fill},stroke:{colours.border},color:{INK}"
                yield f"    class {','.join(blocks[name])} {name}Block"
        yield f"    classDef point fill:{INK},stroke:{INK}"
        yield f"    class {','.join(self.ids[box.name] for box in self.flow.boxes if box.shape in _POINTS)} point"
        optional = [self.ids[box.name] for box in self.flow.boxes if box.optional]
        if optional:
            yield "    classDef optional stroke-dasharray:5 4"
            yield f"    class {','.join(optional)} optional"
        taken = [str(n) for n, link in enumerate(self.flow.links) if link.taken]
        if taken:
            yield f"    linkStyle {','.join(taken)} stroke:{TAKEN},stroke-width:3px"
