"""The picture on a page: a plate with what is to be seen on it, and boxes that open and shut by links.

Below: `plate`, the shelf, `diagram`. Above: the pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs
from markupsafe import Markup

from statewf.diagram.flow import Flow
from statewf.diagram.fold import boxes, folded, things
from statewf.diagram.marks import Mark, marks, unmarked
from statewf.diagram.picture import Picture
from statewf.errors import StatewfError
from statewf.web.console.render import drawn
from statewf.web.plate import Badge, Plate
from statewf.web.service import Service
from statewf.web.shelf import within

MANY = 60  # states or steps, from which on boxes are shut unless somebody is in them
TALL = 900  # points, from which on it is not read any more when one sees all of it
OBVIOUS = ("running", "skipped", "failed", "cancelled", "assigned", "compensated")  # which a colour tells
PATIENCE = 1.0  # seconds that a page waits for its picture
NONE, ALL = "$none", "$all"  # of the boxes, which have no such names; after `ALL` come those that are open

Link = Callable[[Sequence[str]], str]  # a page like this one, with those boxes shut


@attrs.frozen
class Shown:
    """A picture on a page: the picture, if it is drawn by now, or why there is none.

    `folds` are links that shut and open boxes, by what they say; `here` is the id of the first box that an instance is in; `zoom` is
    how large it is at first.
    """

    svg: Markup | None
    problem: str | None = None
    folds: Mapping[str, str] = attrs.field(factory=dict)
    here: str | None = None
    zoom: str = "whole"


async def shown(
    service: Service,
    draw: Callable[[], Picture | Flow],
    fold: Sequence[str],
    link: Link,
    label: str,
    badges: Mapping[str, Iterable[Badge]],
) -> Shown:
    """The picture of a machine with an instance or without; `badges` are by the names of states and steps.

    `fold` names the boxes that are shut: none or all of them, some, or those that seem best.
    """
    composed = await asyncio.to_thread(lambda: _composed(draw(), fold))
    folds = {"open all boxes": link([NONE]), "shut all boxes": link([ALL])} if composed.sizes else {}
    try:
        plate = await within(PATIENCE, service.shelf.plate(composed.plain))
    except StatewfError as error:
        return Shown(None, str(error), folds)
    if plate is None:
        return Shown(None, None, folds)
    return await asyncio.to_thread(
        lambda: _on_plate(composed, plate, _corners(composed, badges, link), label, folds)
    )


@attrs.frozen
class _Composed:
    """What is drawn, with boxes shut: as it is marked, and without; how much is in which box."""

    drawing: Picture | Flow
    plain: Picture | Flow
    marks: tuple[Mark, ...]
    sizes: Mapping[str, int]
    shut: frozenset[str]


def _composed(drawing: Picture | Flow, fold: Sequence[str]) -> _Composed:
    sizes = boxes(drawing)
    shut = frozenset(_shut(drawing, sizes, fold))
    small = folded(drawing, shut)
    return _Composed(small, unmarked(small), tuple(marks(small)), sizes, shut)


def _on_plate(
    composed: _Composed, plate: Plate, corners: Mapping[str, Iterable[Badge]], label: str, folds: Mapping[str, str]
) -> Shown:
    here = next((mark.id for mark in composed.marks if mark.active and mark.id.startswith("box")), None)
    zoom = "whole" if plate.height <= TALL else "width"
    return Shown(drawn(plate.marked(composed.marks, corners, label)), None, folds, here, zoom)


def _shut(drawing: Picture | Flow, sizes: Mapping[str, int], fold: Sequence[str]) -> set[str]:
    if fold:
        if fold[0] == ALL:
            return set(sizes) - set(fold)
        return set(fold) & set(sizes)
    drawn = things(drawing)
    if len(drawn) <= MANY:
        return set()
    busy = {mark.id for mark in marks(drawing) if mark.active}
    return {one.name for place, one in enumerate(drawn) if one.name in sizes and f"box{place}" not in busy}


def _corners(composed: _Composed, badges: Mapping[str, Iterable[Badge]], link: Link) -> dict[str, list[Badge]]:
    """What stands at the corners of boxes, by their ids."""
    shut = composed.shut
    notes = {mark.id: mark.note for mark in composed.marks if mark.note and mark.note not in OBVIOUS}
    found: dict[str, list[Badge]] = {}
    for place, one in enumerate(things(composed.drawing)):
        known_as = f"box{place}"
        here = list(badges.get(one.name, ()))
        if known_as in notes:
            here.append(Badge(notes[known_as], "note"))
        if one.name in composed.sizes:
            word, title = ("+", "open") if one.name in shut else ("-", "shut")
            here.append(Badge(word, "fold", link(_fold(composed, one.name)), title=f"{title} {one.name}"))
        if here:
            found[known_as] = here
    return found


def _fold(composed: _Composed, turned: str) -> list[str]:
    """What is shut when that box is turned, told by the shut ones or by the open ones, whichever are fewer: it stands in an address."""
    shut = composed.shut ^ {turned}
    open_ones = composed.sizes.keys() - shut
    return [ALL, *sorted(open_ones)] if len(open_ones) < len(shut) else sorted(shut) or [NONE]
