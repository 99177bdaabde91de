"""The first page: which machines there are, and how many of their instances are where.

Below: `desk`. Above: `app`.
"""

from __future__ import annotations

import attrs
from litestar import Response, get

from statewf.definition.model import Workflow
from statewf.errors import StatewfError
from statewf.history import MachineRecord
from statewf.history.port import Count, Wanted
from statewf.machine.fsm import Machine
from statewf.web.console.desk import Desk, Given

NEWEST = 10  # instances that are shown


@attrs.frozen
class State:
    """How many instances are in a state; its tone is the colour of how they ended there, or that they run."""

    name: str
    tone: str
    number: int
    running: bool


@attrs.frozen
class Tally:
    """The instances of one machine: by state, and in all."""

    states: tuple[State, ...]

    @property
    def whole(self) -> int:
        """All of them."""
        return sum(state.number for state in self.states)

    @property
    def running(self) -> int:
        """Those that have not ended."""
        return sum(state.number for state in self.states if state.running)


@attrs.frozen
class Entry:
    """A machine in the list; `problem` says why it is none any more."""

    name: str
    kind: str
    description: str | None
    tally: Tally
    problem: str | None = None


def tally(census: list[Count], name: str) -> Tally:
    """Where the instances of that machine are: running ones first."""
    found = [
        State(count.state, count.ended or "active", count.number, not count.ended)
        for count in census
        if count.name == name
    ]
    return Tally(tuple(sorted(found, key=lambda state: (not state.running, state.tone != "success", state.name))))


def kind_of(machine: Machine) -> str:
    """What people call it."""
    return "workflow" if isinstance(machine.notes.definition, Workflow) else "state machine"


@get("/", include_in_schema=False)
async def home(desk: Given) -> Response[str]:
    """The machines, and what was started last."""
    service = desk.service
    names = await service.reader.ask(lambda store: store.names())
    census = await service.counts.census()
    entries = [await _entry(desk, await service.record(name), census) for name in names]
    newest = await service.reader.ask(lambda store: store.search(Wanted(), limit=NEWEST))
    settled = await service.counts.settled()
    given = {"entries": entries, "instances": newest, "settled": settled}
    return await desk.page("home.html", "Machines", given, place="machines", stream="/api/stream")


async def _entry(desk: Desk, record: MachineRecord, census: list[Count]) -> Entry:
    try:
        machine = await desk.service.shelf.machine(record)
    except StatewfError as error:  # an earlier version kept it
        return Entry(record.name, "", None, tally(census, record.name), str(error))
    description = machine.notes.definition.description
    return Entry(record.name, kind_of(machine), description, tally(census, record.name))
