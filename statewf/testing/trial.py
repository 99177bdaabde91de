"""What came of a program that was killed: what it did, what it was told, what is kept; and whether that is right.

`Evidence` is noted while it runs, a `Trial` is what there is of it in the end. Above: `dying`, which notes, and
`faults`, which makes the trials.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import attrs

from statewf.history import Card, Entry
from statewf.machine.effects import Call, Emit
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Returned
from statewf.machine.record import event_data, event_name, outputs
from statewf.machine.snapshot import Step
from statewf.pricing import CHARGE
from statewf.runtime import Work
from statewf.values.canonical import canonical
from statewf.values.frozen import thaw

W = TypeVar("W")

SAME = (
    *("state", "success", "results", "context", "completedSteps", "failedSteps"),
    *("compensations", "path", "undelivered", "elapsed"),
)


class Acknowledged(NamedTuple):
    """The program was told that this is kept, as the row of that number. `key`: of the event, or which task."""

    instance: str
    event: str
    key: str | None
    seq: int


@attrs.frozen
class Calls:
    """In which lives of the program, counted from 1, the handler of one call was begun, and came to its end."""

    begun: list[int] = attrs.field(factory=list)
    ended: list[int] = attrs.field(factory=list)


@attrs.define
class Evidence:
    """What is noted in all lives of one trial. `open` are the calls that are kept as open, by instance."""

    calls: defaultdict[tuple[str, int], Calls] = attrs.field(factory=lambda: defaultdict(Calls))
    acknowledged: list[Acknowledged] = attrs.field(factory=list)
    started: dict[tuple[str, str], str] = attrs.field(factory=dict)  # (machine, request id) -> instance
    open: dict[str, dict[tuple[str, int], str]] = attrs.field(factory=dict)  # -> handler
    wrong: list[str] = attrs.field(factory=list)

    def keep(self, entries: Iterable[Entry]) -> None:
        """These steps are in the store."""
        for entry in entries:
            calls = entry.step.after.flight.calls.values()
            self.open[entry.card.id] = {(c.key, c.attempt): c.handler for c in calls if not c.stopped}

    def owed(self) -> set[tuple[str, int]]:
        """The calls that whoever opens the store now has to make again."""
        return {call for calls in self.open.values() for call in calls}

    def begin(self, work: Work, life: int) -> None:
        """A handler is called: once a life, and only while the call is kept, and has no reply."""
        call = work.key, work.attempt
        if self.open.get(work.instance, {}).get(call) != work.handler:
            self.wrong.append(f"{named(work)} was begun in life {life}, and no such call was open in the store")
        if life in self.calls[call].begun:
            self.wrong.append(f"{named(work)} was begun twice in life {life}")
        self.calls[call].begun.append(life)

    def end(self, work: Work, life: int) -> None:
        """A handler returned or raised."""
        self.calls[work.key, work.attempt].ended.append(life)

    def start(self, machine: str, request_id: str | None, instance: str) -> None:
        """The program was told which instance it started."""
        self.acknowledged.append(Acknowledged(instance, "$start", None, 1))
        if request_id is None:
            return
        first = self.started.setdefault((machine, request_id), instance)
        if first != instance:
            self.wrong.append(f"{request_id} of {machine} was told to be {first}, and then {instance}")


@attrs.frozen
class Kept:
    """One instance, as the store has it in the end.

    `steps` are what its events come to now, with the charge of its bill; `charged` is what is in the outbox.
    """

    card: Card
    steps: tuple[Step, ...] = attrs.field(repr=False)
    cost: str | None = None
    charged: tuple[Any, ...] = ()

    @cached_property
    def document(self) -> dict[str, Any]:
        """What it has come to, with its history: what `run --json` prints."""
        return thaw(outputs(self.steps, cost=self.cost))  # type: ignore[no-any-return]  # a mapping thaws to a dict

    def calls(self) -> Iterator[Call]:
        """The calls that it asked for, in order."""
        return (effect for step in self.steps for effect in step.effects if isinstance(effect, Call))

    def event(self, seq: int) -> AnyEvent | None:
        """What happened in the step of that number."""
        return self.steps[seq - 1].event if 0 < seq <= len(self.steps) else None


@attrs.frozen(repr=False)
class Trial(Generic[W]):
    """One run of a program that was `killed` at these boundaries, and started again each time, until it ended.

    `world` is what lies outside of it. `passed` are the boundaries that each of its lives passed, so many of them in
    the `recovery` of the second. `calls`: by key and attempt, in which lives the handler was begun, and ended.
    `kept`: the instances, in the order of their starts. `whole`: the run that was not killed.
    """

    world: W
    killed: tuple[str, ...]
    passed: tuple[tuple[str, ...], ...]
    recovery: int
    calls: Mapping[tuple[str, int], Calls]
    acknowledged: tuple[Acknowledged, ...]
    kept: tuple[Kept, ...]
    whole: Trial[W] | None
    _wrong: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Trial killed {', and then '.join(self.killed) or 'nowhere'}>"

    def findings(self) -> list[str]:
        """Where statewf did not keep its promises; a line each.

        - Whatever the program was told is in a history, as the row of that number, under that key. A request id was
          always told the same instance.
        - A handler was called only while its call was kept and had no reply, and once in each life: so twice only
          if it was in flight when the program was killed. No reply is kept that no handler gave.
        - All attempts of a visit have one key, and no two visits have the same.
        - Whoever takes payments is told what the bill of an instance comes to, once, and nothing else.
        """
        found = [*self._wrong]
        for kept in self.kept:
            found += [*_keys(kept), *self._replies(kept), *_charges(kept)]
        instances = {kept.card.id: kept for kept in self.kept}
        for told in self.acknowledged:
            kept_as = instances[told.instance].event(told.seq) if told.instance in instances else None
            if kept_as is None or (event_name(kept_as), _key(kept_as)) != (told.event, told.key):
                found.append(f"{told} was acknowledged, and kept is {kept_as}")
        return found

    def _replies(self, kept: Kept) -> Iterator[str]:
        """Results that are kept, although nobody gave them."""
        calls = {call.id: call for call in kept.calls()}
        for step in kept.steps:
            if isinstance(step.event, Returned):
                call = calls[step.event.call]
                if not self.calls.get((call.key, call.attempt), Calls()).ended:
                    yield f"row {step.after.seq} of {kept.card.id} has a result of {call.handler}, which never ended"

    def differences(self, *, times: bool = True) -> list[str]:
        """Where it came to something else than the run that was not killed; a line each.

        Compared are the instances, in the order of their starts: state, success, results, context, completed and
        failed steps, compensations, path, undelivered events, and how long it took; what was emitted, in any order;
        what came from outside (events with data and key, decisions, cancellations), in order; and of each region its
        changes, each with the event that made it, in order. Times count from the start of the instance; without
        `times` they are not compared. That a call was offered again shows in no history.
        """
        if self.whole is None:
            return []
        mine, theirs = (
            [_outline(n, kept, times=times) for n, kept in enumerate(t.kept, 1)] for t in (self, self.whole)
        )
        if len(mine) != len(theirs):
            return [f"there are {len(mine)} instances instead of {len(theirs)}"]
        return [
            f"{name} {n}: {what} is {one.get(what)} instead of {other.get(what)}"
            for n, (one, other) in enumerate(zip(mine, theirs, strict=True), 1)
            for name in [self.kept[n - 1].card.name]
            for what in sorted(one.keys() | other.keys())
            if one.get(what) != other.get(what)
        ]


def named(work: Work) -> str:
    """A call in words that are the same in each trial."""
    return f"{work.handler} at {work.key.removeprefix(work.instance + '/')}, attempt {work.attempt}"


def _keys(kept: Kept) -> Iterator[str]:
    """Visits with two keys, and keys with two visits."""
    used: set[str] = set()
    last: dict[tuple[str, str, str], Call] = {}
    for call in kept.calls():
        before = last.get(whose := (call.region, call.owner, call.handler))
        if call.attempt > 1 and (before is None or before.key != call.key):
            yield f"attempt {call.attempt} of {call.handler} goes by {call.key}, and the one before by {before and before.key}"
        if call.attempt == 1 and call.key in used:
            yield f"{call.key} is the key of two visits"
        used.add(call.key)
        last[whose] = call


def _charges(kept: Kept) -> Iterator[str]:
    """What the outbox says is to be paid, if the bill says otherwise."""
    effects = (effect for step in kept.steps for effect in step.effects)
    due = tuple(thaw(effect.data) for effect in effects if isinstance(effect, Emit) and effect.event == CHARGE)
    if kept.charged != due:
        yield f"{kept.card.id} was charged {list(kept.charged)}, and its bill comes to {list(due)}"


def _key(event: AnyEvent) -> str | None:
    """By what whoever sent it knows it again."""
    match event:
        case Event():
            return event.key
        case Decided():
            return event.task
        case _:
            return None


# --- what is compared


def _outline(number: int, kept: Kept, *, times: bool) -> dict[str, Any]:
    """What must be the same, whenever the program died, by what it is called."""
    document = kept.document
    said = {key: document[key] for key in SAME if times or key != "elapsed"}
    at = ("at",) if times else ()
    outside = (step for step in kept.steps if isinstance(step.event, Event | Decided | Cancel))
    said["what came from outside"] = [
        [event_name(step.event), thaw(event_data(step.event)), _key(step.event)] for step in outside
    ]
    for row in document["history"]:
        for change in row["changes"]:
            shown = {"event": row["event"], **change, **{key: row[key] for key in at}}
            said.setdefault(f"what changed in {change['region']}", []).append(shown)
    plain = _Plain(kept.card.id, f"{kept.card.name}-{number}", kept.steps[0].after.at, times)
    outline: dict[str, Any] = plain.of(said)
    emitted = ({key: one[key] for key in ("event", "data", *at)} for one in document["emitted"])
    outline["emitted"] = sorted(canonical(plain.of(one)) for one in emitted)
    return outline


@attrs.frozen
class _Plain:
    """Makes values comparable: the chance in an id is left out, and times count from `begin`, or not at all."""

    instance: str
    stands_for: str
    begin: int
    times: bool

    def of(self, value: Any) -> Any:
        """The value, as it is in any run."""
        if isinstance(value, dict):
            return {self.of(key): self.of(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of(item) for item in value]
        if isinstance(value, str):
            return value.replace(self.instance, self.stands_for)
        if type(value) is int and value >= self.begin:
            return value - self.begin if self.times else "a time"
        return value
