"""The colours of a picture, the same in every format: what a node is, and what an instance does there.

Below: `picture`. Above: `mermaid` and `dot`.
"""

from __future__ import annotations

import attrs

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
}


def tone(node: Node) -> str:
    """The key of a node's colours in `TONES`."""
    match node.kind:
        case "success" | "failure" | "compound":
            return f"active{node.kind.capitalize()}" if node.active else node.kind
        case _ if node.active:
            return "active"
        case "normal" if node.visited:
            return "visited"
        case kind:
            return kind
