"""Streams of steps, as server-sent events: of all instances, or of one. Both go on where they stopped, by `Last-Event-ID`.

An event is `step`; its id says where to go on. `reset` says that so much has happened meanwhile that it is forgotten: look anew.
Above: `app`. Below: `service`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, Parameter
from litestar.response import Stream

from statewf.history.port import LOGGED, Kept, Store
from statewf.values.canonical import compact
from statewf.web.api.answers import problems
from statewf.web.api.given import Given
from statewf.web.api.instances import Id
from statewf.web.service import Service

MEDIA_TYPE = "text/event-stream"
SILENCE = 15.0  # seconds, after which a comment says that the stream is there: what lies between would cut it
ALIVE = b": alive\n\n"
AT_ONCE = 500  # rows of a history that are read at a time
LARGE = 65_536  # bytes of events, from which on they are sent
STREAMED = ResponseSpec(
    str, description="server-sent events, without end", media_type=MEDIA_TYPE, generate_examples=False
)
Last = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID", pattern="^[0-9]{1,18}$", description="The id of the last event that was seen."
    ),
]


@get(
    "/api/stream", tags=["streams"], responses={200: STREAMED, **problems()}, summary="All steps, as they are kept"
)
async def stream(
    service: Given,
    last: Last = None,
    machine: Annotated[str | None, Parameter(description="Only of machines of that name.")] = None,
) -> Stream:
    """The steps of all instances, in the order in which they are kept: from now on, or after the one that was seen last."""
    newest = await service.feed.last()
    seen = newest if last is None else min(int(last), newest)

    async def events() -> AsyncIterator[bytes]:
        place = seen
        if newest - seen > LOGGED:
            place = newest
            yield _reset(place)
        yield _hello(place)
        async for some in _following(service, place):
            if some and some[0].place - place > 1 and await service.feed.last() - place > LOGGED:
                yield _reset(some[0].place - 1)  # whoever reads so slowly misses what was forgotten meanwhile
            place = some[-1].place if some else place
            for piece in _pieces(_event(kept.place, kept) for kept in some if machine in (None, kept.name)):
                yield piece
            if not some:
                yield ALIVE

    return Stream(events(), media_type=MEDIA_TYPE)


@get(
    "/api/instances/{instance:str}/stream",
    tags=["streams"],
    responses={200: STREAMED, **problems(404, 410)},
    summary="The steps of an instance, as they are kept",
)
async def stream_of_one(instance: Id, service: Given, last: Last = None) -> Stream:
    """The steps of one instance: those that there are after the one that was seen last, and then as they are kept."""
    card = await service.card(instance)
    place = await service.feed.last()

    async def events() -> AsyncIterator[bytes]:
        seq = card.seq if last is None else min(int(last), card.seq)
        yield _hello(seq)
        while missed := await service.reader.ask(partial(_rows, instance, seq)):
            seq = missed[-1]["seq"]
            for piece in _pieces(_event(row["seq"], Kept(0, instance, card.name, row)) for row in missed):
                yield piece
        async for some in _following(service, place):
            wanted = [kept for kept in some if kept.instance == instance and kept.row["seq"] > seq]
            if wanted:
                seq = wanted[-1].row["seq"]
            for piece in _pieces(_event(kept.row["seq"], kept) for kept in wanted):
                yield piece
            if not some:
                yield ALIVE

    return Stream(events(), media_type=MEDIA_TYPE)


def _rows(instance: str, after: int, store: Store) -> list[dict[str, Any]]:
    return list(islice(store.rows(instance, after), AT_ONCE))


async def _following(service: Service, place: int) -> AsyncIterator[Sequence[Kept]]:
    """What is kept after that place, to the end of the service; nothing now and then, when nothing is."""
    while True:
        try:
            found = await asyncio.wait_for(service.feed.after(place), SILENCE)
        except TimeoutError:
            yield ()
            continue
        if not found:
            return
        place = found[-1].place
        yield found


def _hello(last: int) -> bytes:
    """What comes first: where to go on, should the stream break before anything happens."""
    return f"retry: 1000\nid: {last}\nevent: ready\ndata: {{}}\n\n".encode()


def _reset(place: int) -> bytes:
    """So much is forgotten that whoever follows has to look anew."""
    return f"id: {place}\nevent: reset\ndata: {{}}\n\n".encode()


def _pieces(events: Iterable[bytes]) -> Iterator[bytes]:
    """The same in pieces that are worth sending, and not too large to be held."""
    piece: list[bytes] = []
    size = 0
    for event in events:
        piece.append(event)
        size += len(event)
        if size >= LARGE:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)


def _event(number: int, kept: Kept) -> bytes:
    """A step. JSON text has no line breaks, so that it is one line of data."""
    document: Mapping[str, Any] = {"instance": kept.instance, "machine": kept.name, **kept.row}
    return f"id: {number}\nevent: step\ndata: {compact(document)}\n\n".encode()
