"""How long workflows still take, learnt beside the work of what others of their machine went through.

Best effort, as progress is: what is not known yet is not told, and nobody waits for it. Imported when somebody watches: nobody else
shall pay for it. Below: `forecast`, `history`. Above: `audience`, whose watchers ask.
"""

from __future__ import annotations

import anyio
import anyio.lowlevel

from statewf.errors import StatewfError
from statewf.forecast.learn import learned
from statewf.forecast.observe import look
from statewf.forecast.remaining import OVER, Estimate, Remaining, Watch
from statewf.forecast.survey import Survey
from statewf.history import Store
from statewf.history.travel import Traveller
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot
from statewf.runtime.logs import Log

log = Log("statewf.estimates")

LOOKED_AT = 200  # of the newest instances of a machine
LONGEST = 300  # steps of one that is looked at: reading it holds everybody up
LARGEST = 100  # steps of a workflow of which estimates are made, likewise
WATCHED = 1_000  # instances of which it is known since when things are pending
FRESH = 60.0  # seconds until it is learnt anew


class Estimates:
    """Tells what it has learnt, and learns what it is asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._learnt: dict[
            str, tuple[Remaining | None, float]
        ] = {}  # by the digest of the machine, and when it was asked for
        self._wanted: dict[str, Machine] = {}
        self._watches: dict[str, Watch] = {}  # by instance
        self._asked = anyio.Event()

    def see(self, machine: Machine, snapshot: Snapshot) -> None:
        """An instance has come there: what is pending from now on began now."""
        if len(machine.regions) > LARGEST:
            return
        self._watches.setdefault(snapshot.instance, Watch(machine)).see(snapshot)
        if len(self._watches) > WATCHED:
            del self._watches[next(iter(self._watches))]

    async def of(self, machine: Machine, snapshot: Snapshot) -> Estimate | None:
        """How long an instance still takes, from its last step on; None as long as nobody can tell."""
        if snapshot.ended:
            self._watches.pop(snapshot.instance, None)
            return OVER
        if len(machine.regions) > LARGEST:
            return None
        remaining, at = self._learnt.get(machine.digest, (None, -FRESH))
        if anyio.current_time() >= at + FRESH:
            self._learnt[machine.digest] = remaining, anyio.current_time()  # once in a while, whatever comes of it
            self._wanted[machine.digest] = machine
            self._asked.set()
        if remaining is None:
            return None
        watch = self._watches.get(snapshot.instance)
        drawing = remaining.drawing(snapshot, snapshot.at, {} if watch is None else watch.begun)
        while True:
            try:
                next(drawing)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]  # what a generator returns has no type there
            await anyio.lowlevel.checkpoint()

    async def run(self) -> None:
        """Learn, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            while self._wanted:
                digest, machine = self._wanted.popitem()
                try:
                    remaining = await self._learn(machine)
                except StatewfError as error:
                    log.warning("nothing was learnt of %s: %s", machine.name, error)
                    continue
                self._learnt[digest] = remaining, anyio.current_time()

    async def _learn(self, machine: Machine) -> Remaining:
        """Read the histories of the newest instances, one after another."""
        survey, traveller = Survey(), Traveller(self._store)
        for card in self._store.cards(name=machine.name, limit=LOOKED_AT):
            if card.seq <= LONGEST:
                look(survey, traveller, card)
            await anyio.lowlevel.checkpoint()
        return Remaining(machine, learned(machine, survey))
