"""The colours of a picture, the same in every format: what a node is, and what an instance does there.

Below: `picture` and `flow`. Above: `mermaid` and `dot`, `flowchart` and `flow_dot`.
"""

from __future__ import annotations

import attrs

from statewf.diagram.flow import Box, Fate
from statewf.diagram.picture import Node


@attrs.frozen
class Colours:
    """Of a box: its ground, its border, its text."""

    fill: str
    border: str
    text: str


INK = "#334155"  # of edges and their labels
TAKEN = "#2563eb"  # of the way an instance came

TONES = {
    "normal": Colours("#ffffff", "#64748b", "#0f172a"),
    "waiting": Colours("#fef9c3", "#ca8a04", "#713f12"),
    "success": Colours("#dcfce7", "#16a34a", "#14532d"),
    "failure": Colours("#fee2e2", "#dc2626", "#7f1d1d"),
    "compound": Colours("#f1f5f9", "#94a3b8", "#334155"),
    "visited": Colours("#dbeafe", "#2563eb", "#1e3a8a"),
    "active": Colours("#2563eb", "#1e40af", "#ffffff"),
    "activeSuccess": Colours("#16a34a", "#14532d", "#ffffff"),
    "activeFailure": Colours("#dc2626", "#7f1d1d", "#ffffff"),
    "activeCompound": Colours("#eff6ff", "#2563eb", "#1e3a8a"),
    "choice": Colours("#f5f3ff", "#7c3aed", "#4c1d95"),
    "outside": Colours("#ecfeff", "#0891b2", "#164e63"),
    "asked": Colours("#f59e0b", "#b45309", "#451a03"),
    "skipped": Colours("#f8fafc", "#cbd5e1", "#94a3b8"),
    "cancelled": Colours("#e2e8f0", "#94a3b8", "#475569"),
    "undone": Colours("#f3e8ff", "#9333ea", "#581c87"),
    "warm1": Colours("#fffbeb", "#d97706", "#0f172a"),
    "warm2": Colours("#fde68a", "#d97706", "#0f172a"),
    "warm3": Colours("#fbbf24", "#b45309", "#0f172a"),
    "warm4": Colours("#f97316", "#9a3412", "#0f172a"),
}


def tone(node: Node) -> str:
    """The key of a node's colours in `TONES`."""
    if node.warmth and node.kind != "compound":
        return f"warm{node.warmth}"
    match node.kind:
        case "success" | "failure" | "compound":
            return f"active{node.kind.capitalize()}" if node.active else node.kind
        case _ if node.active:
            return "active"
        case "final":
            return "success"
        case "history":
            return "choice"
        case "normal" if node.visited:
            return "visited"
        case kind:
            return kind


_SHAPES = {
    "human-task": "waiting",
    "wait": "outside",
    "event": "outside",
    "condition": "choice",
    "parallel": "compound",
    "folded": "compound",
}
_FATES: dict[Fate, str] = {
    "ahead": "normal",
    "running": "active",
    "asked": "asked",
    "succeeded": "success",
    "failed": "failure",
    "skipped": "skipped",
    "cancelled": "cancelled",
    "undone": "undone",
    "not-undone": "activeFailure",
}


def box_tone(box: Box) -> str:
    """The key of a step's colours: by what it is, or in the picture of an instance by what became of it."""
    if box.warmth and box.shape != "parallel":
        return f"warm{box.warmth}"
    return _SHAPES.get(box.shape, "normal") if box.fate is None else _FATES[box.fate]
