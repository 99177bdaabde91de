"""The model of a workflow's picture: boxes and the links between them, and nothing of how they are drawn.

A box is a step by its id; a parallel step is a box that others name as their `parent`, unless it is `folded`. What no step is has a
name that starts with `$`, as no id does: the start, the end, and where the ways of a choice meet.

Below: nothing of the house. Above: `flows` makes it of workflows; `flowchart` and `flow_dot` write it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, TypeAlias

import attrs

Shape: TypeAlias = Literal[
    "function", "human-task", "wait", "event", "condition", "parallel", "folded", "start", "end", "meet"
]
# What became of a step. `ahead`: it has not begun; `asked`: somebody, or something, outside is awaited.
Fate: TypeAlias = Literal[
    "ahead", "running", "asked", "succeeded", "failed", "skipped", "cancelled", "undone", "not-undone"
]

START, END, MEET = "$start", "$end", "$meet "


@attrs.frozen
class Box:
    """A step. `lines` tell of it in small words, `status` what an instance does there, or did.

    `fate` is None in a picture of no instance; `warmth` says in one of many how much of their time is spent there, 0 to 4.
    """

    name: str
    title: str
    shape: Shape
    lines: tuple[str, ...] = ()
    parent: str | None = None
    optional: bool = False
    fate: Fate | None = None
    status: str | None = None
    warmth: int = 0

    @property
    def small(self) -> tuple[str, ...]:
        """All its small words."""
        return (*self.lines, self.status) if self.status else self.lines


@attrs.frozen
class Link:
    """The target waits for the source, or is a branch of it; `taken`: an instance went this way."""

    source: str
    target: str
    label: str = ""
    taken: bool = False


@attrs.frozen(slots=False)
class Flow:
    """A workflow as a drawing, in document order; `state` is the one an instance is in as a whole."""

    name: str
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    state: str | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Box]:
        """The boxes by name."""
        return {box.name: box for box in self.boxes}

    @cached_property
    def _by_parent(self) -> Mapping[str | None, list[Box]]:
        found: dict[str | None, list[Box]] = {}
        for box in self.boxes:
            found.setdefault(box.parent, []).append(box)
        return found

    def inside(self, parent: str | None) -> list[Box]:
        """The boxes directly inside a block, or at the top."""
        return self._by_parent.get(parent, [])

    @property
    def title(self) -> str | None:
        """What stands over the picture of an instance."""
        return None if self.state is None else f"{self.name}: {self.state}"
