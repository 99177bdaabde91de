"""A picture that was drawn once, and is marked each time it is shown: what changes is colour, never place.

An instance that moves, or many that are counted, would else be drawn anew with each step. Below: `diagram`. Above: `shelf`, and the pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Literal

import attrs

from statewf.diagram.marks import Mark

_GROUP = re.compile(r'<g id="((?:box|way|into)[0-9]+)" class="([a-z]+)">\n(.*?)</g>', re.DOTALL)
_OUTLINE = re.compile(r'(?: points| d)="([^"]*)"')
_ROUND = re.compile(r'<ellipse [^>]*cx="([-.0-9]+)" cy="([-.0-9]+)" rx="([-.0-9]+)" ry="([-.0-9]+)"')
_NUMBER = re.compile(r"-?[0-9.]+")
_SIZE = re.compile(r'<svg width="[0-9.]+pt" height="([0-9.]+)pt"')
_NAMES = re.compile(
    r"(?:<title>.*?</title>|<!--.*?-->)\n?", re.DOTALL
)  # those of DOT's nodes, which are not for people
_WIDTH, _HEIGHT, _SIDE, _OUT = (
    6.2,
    13.0,
    9.0,
    6.0,
)  # of a letter, a badge, what is beside its text, and out of its box; points


@attrs.frozen
class Badge:
    """A few letters at a corner of a box: a `count` is above, a `note` below, and what `fold`s it to the left of that.

    Whoever follows it comes to `link`.
    """

    text: str
    kind: Literal["count", "note", "fold"]
    link: str | None = None
    title: str = ""


@attrs.frozen
class _Piece:
    """A group of an SVG: its id, its class, what is in it; of a box its edges: left, right, upper, lower."""

    id: str
    kind: str
    inner: str
    edges: tuple[float, float, float, float] | None


class Plate:
    """A picture, in pieces."""

    def __init__(self, svg: str) -> None:
        start = svg.index("<svg")
        self._between: list[str] = []
        self._pieces: list[_Piece] = []
        at = start
        for found in _GROUP.finditer(svg, start):
            self._between.append(_NAMES.sub("", svg[at : found.start()]))
            inner = _NAMES.sub("", found[3])
            edges = None if found[2] == "edge" else _edges(inner)
            self._pieces.append(_Piece(found[1], found[2], inner, edges))
            at = found.end()
        self._rest = _NAMES.sub("", svg[at:])
        size = _SIZE.search(svg, start)
        self.height = float(size[1]) if size is not None else 0.0  # points

    def marked(self, marks: Iterable[Mark], badges: Mapping[str, Iterable[Badge]], label: str) -> str:
        """The picture as a part of a page; `badges` are by the ids of boxes, and `label` says what it is a picture of."""
        known = {mark.id: mark for mark in marks}
        parts: list[str] = []
        over: list[str] = []
        for before, piece in zip(self._between, self._pieces, strict=True):
            parts += (
                before,
                f'<g id="{piece.id}" class="{_classes(piece.kind, known.get(piece.id))}">',
                piece.inner,
            )
            parts.append("</g>")
            if piece.edges is not None:
                over += (_badge(badge, piece.edges) for badge in badges.get(piece.id, ()))
        body, end, tail = self._rest.rpartition("</g>")  # badges lie over all else
        text = "".join((*parts, body, *over, end, tail))
        return text.replace("<svg ", f'<svg role="group" aria-label="{escape(label)}" ', 1)


def _classes(kind: str, mark: Mark | None) -> str:
    if mark is None:
        return kind
    tone = [f"tone-{mark.tone}"] if mark.tone else []
    more = [word for word in ("active", "taken") if getattr(mark, word)]
    return " ".join([kind, *tone, *more])


def _edges(inner: str) -> tuple[float, float, float, float] | None:
    outline = _OUTLINE.search(inner)
    if outline is not None:
        numbers = [float(number) for number in _NUMBER.findall(outline[1])]
        return min(numbers[::2]), max(numbers[::2]), min(numbers[1::2]), max(numbers[1::2])
    around = _ROUND.search(inner)
    if around is None:
        return None
    x, y, width, height = map(float, around.groups())
    return x - width, x + width, y - height, y + height


def _badge(badge: Badge, edges: tuple[float, float, float, float]) -> str:
    left, right, upper, lower = edges
    width = max(len(badge.text) * _WIDTH + _SIDE, _HEIGHT)
    x = left - _OUT if badge.kind == "fold" else right - width + _OUT
    y = (upper if badge.kind == "count" else lower) - _HEIGHT / 2
    drawn = (
        f'<g class="badge {badge.kind}">'
        f"{f'<title>{escape(badge.title)}</title>' if badge.title else ''}"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_HEIGHT}" rx="{_HEIGHT / 2}"/>'
        f'<text x="{x + width / 2:.1f}" y="{y + 9.8:.1f}" text-anchor="middle">{escape(badge.text)}</text></g>'
    )
    return drawn if badge.link is None else f'<a href="{escape(badge.link)}">{drawn}</a>'
