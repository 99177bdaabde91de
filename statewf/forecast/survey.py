"""What was observed of instances: how long things took, how they went, and where instances went on to.

Reads the steps of one instance after another, as they were made or as a history makes them again. Times are ms. A
*place* is a state, of which a visit lasts until it is left, or a step of a workflow, of which it lasts from when it
begins until it has settled, waits between attempts and for people included.

Below: `machine`. Above: `learn`, which makes assumptions of it, and `statewf stats`, which shows it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

import attrs

from statewf.compiler import Notes
from statewf.machine.effects import Call, CloseTask, OpenTask, Recall
from statewf.machine.events import CallId, Decided, Event, Failed, Fired, Returned
from statewf.machine.fsm import CANCELLED as AT_CANCEL
from statewf.machine.fsm import TIMEOUT, Machine
from statewf.machine.naming import waits
from statewf.machine.record import AT_REST, event_name, state_of
from statewf.machine.snapshot import Move, Step
from statewf.machine.work import CANCELLED
from statewf.values.frozen import Json, Object

WHOLE = "workflow"  # the region that is no step

Outcome: TypeAlias = Literal["returned", "answered", "failed", "late"]


class Answered(NamedTuple):
    """How a call went.

    `what` is its result, or the name of its event or error; of one that was `late`, for its time was up, nothing.
    """

    outcome: Outcome
    what: Json
    lasted: int
    retryable: bool = True


class Word(NamedTuple):
    """What was decided of a task, and how long after it was opened; without a word: nobody did while it was open."""

    decision: str
    lasted: int


@attrs.define(eq=False)
class Place:
    """What was observed of one state or step. `lasted` are the visits that are over, `ends` how a step settled.

    `arrivals` are the events that were sent there, each with how long after the visit began.
    """

    visits: int = 0
    retries: int = 0
    timeouts: int = 0
    lasted: list[int] = attrs.field(factory=list)
    ends: Counter[str] = attrs.field(factory=Counter)
    arrivals: dict[str, list[int]] = attrs.field(factory=lambda: defaultdict(list))


@attrs.define(eq=False)
class Survey:
    """All that was observed.

    `moves` counts the ways between states: from, by what, to. `lasted` are those that ended. `unreadable` is how
    many could not be looked at.
    """

    instances: int = 0
    unreadable: int = 0
    ends: Counter[tuple[str, str]] = attrs.field(factory=Counter)  # state and outcome
    lasted: list[int] = attrs.field(factory=list)
    places: dict[str, Place] = attrs.field(factory=lambda: defaultdict(Place))
    moves: Counter[tuple[str, str, str]] = attrs.field(factory=Counter)
    calls: dict[str, list[Answered]] = attrs.field(factory=lambda: defaultdict(list))
    tasks: dict[str, list[Word]] = attrs.field(factory=lambda: defaultdict(list))
    inputs: list[Object] = attrs.field(factory=list)
    events: dict[str, list[Object]] = attrs.field(factory=lambda: defaultdict(list))  # the data of those that came

    def read(self, machine: Machine, steps: Iterable[Step]) -> None:
        """Read one instance, from its start. The first one's machine says in which order places are told."""
        if not self.instances:
            for place in _places(machine):
                self.places[place] = Place()
        self.instances += 1
        following = _Following(self, machine)
        for step in steps:
            following.read(step)


def _places(machine: Machine) -> Iterator[str]:
    """The states or steps of a machine, in document order."""
    if len(machine.regions) > 1:
        yield from (region.name for region in machine.regions[1:])
        return
    for local in machine.regions[0].states:
        if local != AT_CANCEL and not waits(local):
            yield from machine.notes.shown(local)


class _Following:
    """Follows one instance."""

    def __init__(self, survey: Survey, machine: Machine) -> None:
        assert isinstance(machine.notes, Notes), "a machine that no compiler made"
        self.survey = survey
        self.machine = machine
        self.notes = machine.notes
        self.of_states = len(machine.regions) == 1
        self.began = 0
        self.calls: dict[CallId, tuple[Call, int]] = {}  # that are open, and since when
        self.late: set[CallId] = set()  # whose time is up
        self.tasks: dict[str, tuple[str, int]] = {}  # the step of an open task, and since when
        self.since: dict[str, int] = {}  # when the visits began that are not over

    def read(self, step: Step) -> None:
        """One step: what happened, where that led, and what was begun."""
        at = step.after.at
        if not step.before.seq:
            self.began = at
            self.survey.inputs.append(step.after.inputs)
        if not step.before.ended:
            self.happened(step, at)
            if self.of_states:
                self.moved(step, at)
            else:
                for move in step.moves:
                    if move.region != WHOLE:
                        self.came(move, at)
            self.begun(step, at)
            if step.after.ended:
                self.survey.ends[state_of(step.after), step.after.ended] += 1
                self.survey.lasted.append(at - self.began)

    def happened(self, step: Step, at: int) -> None:
        sent = step.event.answer if isinstance(step.event, Returned) else step.event
        if isinstance(sent, Event):
            self.survey.events[sent.name].append(sent.data)
        match step.event:
            case Returned(call, result, _, answer) if call in self.calls:
                told = ("returned", result) if answer is None else ("answered", answer.name)
                self.answered(call, Answered(*told, at - self.calls[call][1]))  # type: ignore[arg-type]  # the words of an outcome
            case Failed(call, error, _, _, retryable) if call in self.calls:
                if error != CANCELLED:
                    self.answered(call, Answered("failed", error, at - self.calls[call][1], retryable))
                elif call in self.late:
                    self.answered(call, Answered("late", None, at - self.calls[call][1]))
            case Decided(task, decision) if task in self.tasks:
                name, since = self.tasks[task]
                self.survey.tasks[name].append(Word(decision, at - since))
            case Event(name) if self.of_states and step.disposition == "accepted":
                self.arrived(name, at)
            case Fired(region, timer) if timer.startswith(TIMEOUT):
                place = timer.removeprefix(TIMEOUT) if self.of_states else region
                self.survey.places[place].timeouts += 1

    def answered(self, call: CallId, how: Answered) -> None:
        opened, _ = self.calls.pop(call)
        self.survey.calls[opened.handler].append(how)

    def arrived(self, event: str, at: int) -> None:
        """An event came to where it is."""
        for place in self.since:
            self.survey.places[place].arrivals[event].append(at - self.since[place])

    def moved(self, step: Step, at: int) -> None:
        """A state machine moved on. An event that was deferred came to where it is taken at last."""
        kept = {event.name for event in step.before.flight.deferred}
        taken = [note.event for note in step.notes if note.kind == "taken" and note.event in kept]
        cause = event_name(step.event)
        for number, move in enumerate(step.moves):
            if number and taken and self.hears(move.source, taken[0]):
                self.arrived(cause := taken.pop(0), at)
            self.entered(cause, move, at)
        for event in taken:  # which moved nothing
            self.arrived(event, at)

    def hears(self, local: str, event: str) -> bool:
        return self.machine.known(event) in self.machine.regions[0].states[local].on

    def entered(self, cause: str, move: Move, at: int) -> None:
        """A state machine came to other states, or to the same once more."""
        if not move.entered:
            return
        if move.source:
            self.survey.moves[self.shown(move.source), cause, self.shown(move.target)] += 1
        there = self.notes.shown(move.target)
        for place in [place for place in self.since if place not in there or place in move.entered]:
            self.survey.places[place].lasted.append(at - self.since.pop(place))
        for place in there:
            if place not in self.since:
                self.visit(place, at, again=move.attempt > 1)

    def shown(self, local: str) -> str:
        return " + ".join(self.notes.shown(local))

    def came(self, move: Move, at: int) -> None:
        """A step of a workflow came to another local state."""
        name = move.region
        for state in move.entered:
            if state not in AT_REST:
                if name not in self.since:
                    self.visit(name, at)
                self.survey.places[name].retries += state == "running" and move.attempt > 1
            elif state != "waiting":
                self.survey.places[name].ends[state] += 1
                if name in self.since:
                    self.survey.places[name].lasted.append(at - self.since.pop(name))

    def visit(self, place: str, at: int, *, again: bool = False) -> None:
        self.survey.places[place].visits += 1
        self.survey.places[place].retries += again
        self.since[place] = at

    def begun(self, step: Step, at: int) -> None:
        """What was asked for, and what is not wanted any more."""
        late = step.event.region if isinstance(step.event, Fired) and step.event.timer.startswith(TIMEOUT) else None
        for effect in step.effects:
            match effect:
                case Call(id=call):
                    self.calls[call] = effect, at
                case Recall(call, awaited) if call in self.calls:
                    opened, since = self.calls[call]
                    if opened.region == late and awaited:
                        self.late.add(call)
                    elif opened.region == late:
                        self.answered(call, Answered("late", None, at - since))
                    elif not awaited:
                        del self.calls[call]
                case OpenTask(task) if task.id not in self.tasks:
                    self.tasks[task.id] = task.step, at
                case CloseTask(task):
                    name, since = self.tasks.pop(task, ("", at))
                    if name and isinstance(step.event, Fired):
                        self.survey.tasks[name].append(Word("", at - since))
