"""What an instance leaves behind as spans of time: itself, its visits to states or steps, its calls of handlers.

A span is told when it is over. Its id is made of what it is a span of, so that whoever follows an instance from its start, or once
more from its history, tells the same. Below: `machine`. Above: `spans`, which exports them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import attrs

from statewf.machine.effects import Call, OpenTask, Recall
from statewf.machine.events import CallId, Failed, Returned
from statewf.machine.fsm import Machine
from statewf.machine.record import AT_REST, event_name, state_of
from statewf.machine.snapshot import Move, Step

WHOLE = "workflow"  # the region that is no step
FAILURE = ("failed", "compensation-failed")  # how a step settles that went wrong

Attributes = Mapping[str, str | int]


@attrs.frozen
class Span:
    """Something that lasted from `began` to `ended` (ms since the epoch), within its `parent`; `error` says what went wrong."""

    id: str
    parent: str | None
    name: str
    began: int
    ended: int
    attributes: Attributes
    error: str | None = None


@attrs.frozen
class _Open:
    """A span that is not over."""

    id: str
    parent: str | None
    name: str
    began: int
    attributes: Attributes

    def over(self, at: int, error: str | None = None, **more: str | int) -> Span:
        return Span(self.id, self.parent, self.name, self.began, at, {**self.attributes, **more}, error)


@attrs.define(eq=False)
class Trail:
    """Follows one instance, from its start."""

    machine: Machine
    _whole: _Open | None = None
    _visits: dict[str, _Open] = attrs.field(factory=dict)
    _calls: dict[CallId, _Open] = attrs.field(factory=dict)
    _count: Counter[str] = attrs.field(factory=Counter)
    _ended: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing is left of it that could still end."""
        return self._ended and not self._calls

    def take(self, step: Step) -> Iterator[Span]:
        """What is over with this step, what lies within before what is around it."""
        at, after = step.after.at, step.after
        if self._whole is None:
            about = {"statewf.instance": after.instance, "statewf.machine": self.machine.name}
            self._whole = _Open(after.instance, None, self.machine.name, at, about)
        yield from self._answered(step, at)
        yield from self._recalled(step, at)
        if not self._ended:
            for move in step.moves:
                yield from self._moved(move, event_name(step.event), at)
        self._begun(step, at)
        if after.ended and not self._ended:
            self._ended = True
            yield from (visit.over(at) for visit in self._visits.values())
            self._visits.clear()
            error = state_of(after) if after.ended == "failure" else None
            yield self._whole.over(at, error, **{"statewf.state": state_of(after), "statewf.outcome": after.ended})

    def _answered(self, step: Step, at: int) -> Iterator[Span]:
        match step.event:
            case Returned(call) if call in self._calls:
                yield self._calls.pop(call).over(at)
            case Failed(call, error, message) if call in self._calls:
                yield self._calls.pop(call).over(at, f"{error}: {message}")

    def _recalled(self, step: Step, at: int) -> Iterator[Span]:
        for effect in step.effects:
            match effect:
                case Recall(call, awaited) if call in self._calls and not awaited:
                    yield self._calls.pop(call).over(at, "it was recalled")

    def _moved(self, move: Move, cause: str, at: int) -> Iterator[Span]:
        if not move.entered:
            return
        if len(self.machine.regions) == 1:
            there = self.machine.notes.shown(move.target)
            for place in [place for place in self._visits if place not in there or place in move.entered]:
                yield self._visits.pop(place).over(at, **{"statewf.left_by": cause})
            for place in there:
                if place not in self._visits:
                    self._visit(place, move.attempt, at)
        elif move.region != WHOLE:
            for state in move.entered:
                if state not in AT_REST:
                    if move.region not in self._visits:
                        self._visit(move.region, move.attempt, at)
                elif move.region in self._visits:
                    error = state if state in FAILURE else None
                    yield self._visits.pop(move.region).over(at, error, **{"statewf.state": state})

    def _visit(self, place: str, attempt: int, at: int) -> None:
        assert self._whole is not None, "it has started"
        self._count[place] += 1
        about = {"statewf.attempt": attempt} if attempt > 1 else {}
        known = f"{self._whole.id}/{place}/{self._count[place]}"
        self._visits[place] = _Open(known, self._whole.id, place, at, about)

    def _begun(self, step: Step, at: int) -> None:
        assert self._whole is not None, "it has started"
        for effect in step.effects:
            match effect:
                case Call(id=call):
                    around = self._visits.get(effect.step)
                    parent = self._whole.id if around is None else around.id
                    about: Attributes = {"statewf.key": effect.key, "statewf.attempt": effect.attempt}
                    known = f"{self._whole.id}/call/{call.seq}.{call.nth}"
                    self._calls[call] = _Open(known, parent, effect.handler, at, about)
                case OpenTask(task) if task.step in self._visits:
                    visit = self._visits[task.step]
                    self._visits[task.step] = attrs.evolve(
                        visit, attributes={**visit.attributes, "statewf.task": task.id}
                    )
