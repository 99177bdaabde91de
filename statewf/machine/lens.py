"""What of a snapshot decides what can come next: its configuration.

Left out is what does not: times, visits, attempts where nothing counts them, counters at zero or that nobody heeds any more, deferred
events that nobody is left to take, data that no condition reads.

Below: `snapshot`. Above: `explore`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import attrs

from statewf.expr import UNDEFINED, UNKNOWN, Expression, Unknown
from statewf.machine.book import in_order
from statewf.machine.fsm import Assign, Machine, Region, Transition
from statewf.machine.snapshot import Snapshot, region_state
from statewf.values.frozen import exactly

Path: TypeAlias = tuple[str | int, ...]

TIMES = ("reviewedAt",)  # what a result says of when it was made


class Configuration(NamedTuple):
    """What decides what can come next. `regions` holds the local states of each chunk, then their attempts.

    `data` are the values that conditions read and the run itself made, in the order of the lens.
    """

    regions: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]
    deadlines: frozenset[tuple[str, str]]
    calls: frozenset[tuple[str, str, bool]]
    queue: tuple[Hashable, ...]
    raised: tuple[str, ...]
    deferred: tuple[str, ...]
    counters: frozenset[tuple[tuple[str, str], int]]
    lines: frozenset[tuple[str, int, tuple[str, ...]]]
    tasks: frozenset[str]
    data: tuple[Hashable, ...]
    ended: str


@attrs.frozen(eq=False)
class Lens:
    """Sees the configuration in a snapshot of its machine.

    `counted` says for each region in which local states its attempt can still matter, `takers` for each event
    in which local states a region that listens to it may yet take it, `heeding` likewise for each counter, `read` the data
    that conditions read.
    """

    machine: Machine
    counted: tuple[frozenset[str], ...]
    takers: Mapping[str, tuple[tuple[int, frozenset[str]], ...]]
    heeding: Mapping[tuple[str, str], frozenset[str]]
    read: tuple[Path, ...]

    def configuration(self, snapshot: Snapshot) -> Configuration:
        """What of the snapshot decides what can come next."""
        flight, book = snapshot.flight, snapshot.book
        return Configuration(
            regions=self._regions(snapshot),
            deadlines=frozenset(flight.deadlines),
            calls=frozenset((call.region, call.owner, call.stopped) for call in flight.calls.values()),
            queue=tuple((queued.region, queued.op, queued.attempt, queued.call is None) for queued in flight.queue),
            raised=tuple(event.name for event in flight.raised),
            deferred=tuple(self._deferred(snapshot)),
            counters=frozenset(
                (name, left) for name, left in book.counters.items() if left > 0 and self._heeds(name, snapshot)
            ),
            lines=frozenset(self._lines(snapshot)),
            tasks=frozenset(book.tasks),
            data=tuple(_at(snapshot, path) for path in self.read),
            ended=snapshot.ended,
        )

    def _regions(self, snapshot: Snapshot) -> tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]:
        found = []
        number = 0
        for chunk in snapshot.regions:
            states, attempts = chunk[::3], chunk[1::3]
            if any(attempt != 1 for attempt in attempts):
                here = enumerate(zip(states, attempts, strict=True), number)
                attempts = tuple(attempt if state in self.counted[at] else 1 for at, (state, attempt) in here)
            number += len(states)
            found.append((states, attempts))
        return tuple(found)

    def _deferred(self, snapshot: Snapshot) -> Iterator[str]:
        """Their names in order, of each at most as many as there are regions to take one."""
        left: dict[str, int] = {}
        for event in snapshot.flight.deferred:
            if event.name not in left:
                takers = self.takers.get(self.machine.known(event.name), ())
                left[event.name] = sum(region_state(snapshot.regions, n)[0] in hopeful for n, hopeful in takers)
            if left[event.name]:
                left[event.name] -= 1
                yield event.name

    def _heeds(self, name: tuple[str, str], snapshot: Snapshot) -> bool:
        """Whether a counter that comes to its end may still move its region."""
        number = self.machine.numbers[name[0]]
        return region_state(snapshot.regions, number)[0] in self.heeding[name]

    def _lines(self, snapshot: Snapshot) -> Iterator[tuple[str, int, tuple[str, ...]]]:
        """Of each block with something to remember the free places, and who stands in line."""
        for block, (free, first, last) in snapshot.book.lines.items():
            number = self.machine.numbers[block]
            region = self.machine.regions[number]
            if not any(self._heeds((block, counter), snapshot) for counter in region.counters):
                continue  # nobody in it begins any more
            if first != last or free != region.places:
                yield block, free, tuple(snapshot.book.waiting[block, number] for number in range(first, last))


def _at(snapshot: Snapshot, path: Path) -> Hashable:
    """What lies at a path of what the run made, as far as it is known."""
    root, *keys = path
    if root in ("completedSteps", "failedSteps"):
        return in_order(snapshot.book.completed if root == "completedSteps" else snapshot.book.failed)
    book = snapshot.book
    roots = {"inputs": snapshot.inputs, "context": snapshot.context, "results": book.results, "errors": book.errors}
    value: Any = roots[str(root)]
    if root in ("results", "errors") and keys and keys[0] not in value:
        return UNDEFINED  # which is known, for the run itself makes it
    for key in keys:
        if not isinstance(value, Mapping):
            break
        value = value.get(key, UNKNOWN)
    return exactly(value, (Unknown,), TIMES)


def lens(machine: Machine, watched: Sequence[Expression] = (), *, brought: bool = False) -> Lens:
    """The lens for snapshots of that machine; what the `watched` conditions read is seen, too.

    Of the context only what the machine itself assigns is seen, and nothing of the inputs, unless what is brought from outside is
    known as well (`brought`).
    """
    guards = (*conditions(machine), *watched)
    asked = any(path[0] == "attempt" for guard in guards for path in guard.reads)
    all_of_them = any(path[0] == "attempts" for guard in watched for path in guard.reads)

    def hopeful(number: int, trigger: str) -> frozenset[str]:
        return leading(machine.regions[number], lambda t: t.trigger == trigger)

    def counts(transition: Transition) -> bool:
        reads_it = asked and transition.guard is not None and ("attempt",) in transition.guard.reads
        return transition.below is not None or reads_it

    def counted(region: Region) -> frozenset[str]:
        if all_of_them:
            return frozenset(region.states)
        return leading(region, counts, lambda t: t.attempt != "reset")

    listeners = machine.listeners.items()
    takers = {event: tuple((number, hopeful(number, event)) for number in numbers) for event, numbers in listeners}
    heeding = {
        (region.name, counter): hopeful(number, counter)
        for number, region in enumerate(machine.regions)
        for counter in region.counters
    }
    return Lens(
        machine, tuple(map(counted, machine.regions)), takers, heeding, _made(machine, guards, brought=brought)
    )


def conditions(machine: Machine) -> tuple[Expression, ...]:
    """All guards that read something, each once, in document order."""
    guards = (
        t.guard for region in machine.regions for state in region.states.values() for t in state.transitions()
    )
    return tuple(dict.fromkeys(guard for guard in guards if guard is not None and not guard.constant))


def _made(machine: Machine, guards: tuple[Expression, ...], *, brought: bool) -> tuple[Path, ...]:
    """The data that guards read and the machine itself makes: names it assigns, or what its steps found; or all of them."""
    assigned = assigned_names(machine)
    wanted: dict[Path, None] = {}
    queue = list(guards)
    for expression in queue:  # grows while it is read
        for path in expression.reads:
            if path[0] in ("results", "errors", "completedSteps", "failedSteps") or (
                brought and path[0] == "inputs"
            ):
                wanted[path] = None
            elif path[0] == "context":
                names = [str(path[1])] if path[1:] else list(assigned)
                fresh = [
                    name for name in names if (brought or name in assigned) and ("context", name) not in wanted
                ]
                for name in fresh:
                    wanted["context", name] = None
                    queue += assigned.get(name, ())
    return tuple(wanted)


def assigned_names(machine: Machine) -> dict[str, list[Expression]]:
    """What is assigned to which names of the context, anywhere."""
    found: dict[str, list[Expression]] = {}
    for region in machine.regions:
        for transition in (region.start, *(t for state in region.states.values() for t in state.transitions())):
            for op in (*transition.exit, *transition.actions, *transition.entry):
                for name, value in op.values if isinstance(op, Assign) else ():
                    found.setdefault(name, []).append(value)
    return found


def leading(
    region: Region, wanted: Callable[[Transition], bool], passed: Callable[[Transition], bool] = lambda _: True
) -> frozenset[str]:
    """The local states from which a wanted transition can be reached over such as may be passed."""
    found = dict.fromkeys(name for name, state in region.states.items() if any(map(wanted, state.transitions())))
    if not found:
        return frozenset()
    before: dict[str, list[str]] = {}
    for name, state in region.states.items():
        for transition in filter(passed, state.transitions()):
            if transition.target is not None:
                before.setdefault(transition.target, []).append(name)
    queue = list(found)
    for name in queue:  # grows while it is read
        fresh = [source for source in before.get(name, ()) if source not in found]
        found.update(dict.fromkeys(fresh))
        queue += fresh
    return frozenset(found)
