"""Running a machine without data: whatever a condition cannot know is supposed, either way.

In `supposing(machine)` the guards and assignments are replaced by such as ask a `Supposer`. What can be told
from the data that the run itself made is told; for the rest it answers both true and false, one after the
other. The same condition over data that did not change has one answer, so what was answered is remembered as
long as it stands: a `Supposition` is an answer and what the condition had read.

What comes from outside (inputs, the data of events, results, what went wrong) is unknown. So is what depends on
it. Conditions are taken apart: `inputs.a && inputs.b` asks for the one, and perhaps for the other. Names that the
machine assigns are taken to be its own: no event overwrites them.

Below: `fsm` and the condition language. Above: `explore`.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, cast

import attrs

from statewf.expr import UNKNOWN, Expression, Fault, Unknown
from statewf.expr.syntax import Binary, Member, Name
from statewf.expr.syntax import Literal as Written
from statewf.machine.book import in_order
from statewf.machine.fsm import DECIDED, Assign, Machine, Op, Transition, is_pattern, with_transitions
from statewf.machine.snapshot import Snapshot
from statewf.values.frozen import EMPTY, Object

MOST_TIMES = 3  # that one condition is asked anew in one step, unless it reads of an event: these are so many
MARK = "$"  # the name under which unknown data merged into a context leaves its mark

_PASSING = frozenset({"event", "attempt", "compensations"})  # what is another one at the next step

Answer: TypeAlias = Literal["yes", "no", "fault"]


Scope: TypeAlias = Mapping[str, Any]


class Supposition(NamedTuple):
    """What was answered of a part of a condition: it stands as long as that would read the same."""

    answer: Answer
    read: tuple[Hashable, ...]


Suppositions: TypeAlias = Mapping[Expression, Supposition]


class Question(NamedTuple):
    """Something that was asked, and the answers it may have."""

    part: Expression
    choices: tuple[Answer, ...]


def anything() -> Object:
    """The data of an event, of which nothing is known, and which are other data each time."""
    return Object({MARK: Unknown()})


class Supposer:
    """Answers conditions. `sequences` goes through all that can be answered in one step, depth first; `along` goes one way.

    An event that stands for all that fit a pattern is none of those that are `named`. Guards that are asked as a `whole`
    are not taken apart.
    """

    def __init__(self, named: Container[str] = (), whole: Container[Expression] = ()) -> None:
        self._named = named
        self._whole = whole
        self.known: dict[Expression, Supposition] = {}  # what stands by now
        self.questions: list[Question] = []  # of this step, those that were new
        self.exceeded = False  # some answer was left out, once
        self._times: dict[Expression, int] = {}  # how often each was asked anew in this step
        self._given: list[Answer] = []

    def sequences(self, before: Suppositions) -> Iterator[None]:
        """Each time this yields, what is asked until the next time is answered otherwise."""
        self._given.clear()
        while True:
            self._begin(before)
            yield
            del self._given[self.asked :]
            while self._given and self._given[-1] == self.questions[len(self._given) - 1].choices[-1]:
                self._given.pop()
            if not self._given:
                return
            choices = self.questions[len(self._given) - 1].choices
            self._given[-1] = choices[choices.index(self._given[-1]) + 1]

    def along(self, before: Suppositions, answers: Iterable[Answer]) -> None:
        """Until the next time, what is asked is answered by these in turn, and then by the first choice each."""
        self._given = list(answers)
        self._begin(before)

    @property
    def asked(self) -> int:
        """How many `questions` there were."""
        return len(self.questions)

    @property
    def answers(self) -> list[Answer]:
        """The answers to the `questions`."""
        return self._given[: self.asked]

    def _begin(self, before: Suppositions) -> None:
        self.known = dict(before)
        self.questions.clear()
        self._times.clear()

    def holds(self, guard: Expression, scope: Mapping[str, Any], *, told: bool) -> bool:
        """Whether a guard holds. If it may be without an answer, and that is `told`, it may raise Fault."""

        def ask(part: Expression) -> bool:
            if _meant(part) in self._named:
                return False
            answer = self._answer(part, scope, ("yes", "no", "fault") if told and part.may_fault else ("yes", "no"))
            if answer == "fault":
                raise Fault("it has no answer")
            return answer == "yes"

        if "results" in scope:  # in a workflow the result of any step may set any name, or have done so
            scope = ChainMap({"context": EMPTY}, cast("MutableMapping[str, Any]", scope))
        if guard in self._whole and isinstance(guard.truth(scope), Unknown):
            return ask(guard)
        return guard.decided(scope, ask)

    def _answer(self, part: Expression, scope: Mapping[str, Any], choices: tuple[Answer, ...]) -> Answer:
        read = reading(part, scope)
        supposed = self.known.get(part)
        if supposed is None or supposed.read != read:
            supposed = self.known[part] = Supposition(
                self._choose(Question(part, self._limited(part, choices))), read
            )
        return supposed.answer

    def _limited(self, part: Expression, choices: tuple[Answer, ...]) -> tuple[Answer, ...]:
        """The choices, unless it was asked too often: `always` transitions that change what they read might go on for ever."""
        if any(path[0] == "event" for path in part.reads):
            return choices  # once for each event, of which there are so many
        self._times[part] = self._times.get(part, 0) + 1
        if self._times[part] <= MOST_TIMES:
            return choices
        self.exceeded = True
        return ("no",)

    def _choose(self, question: Question) -> Answer:
        if self.asked == len(self._given):
            self._given.append(question.choices[0])
        self.questions.append(question)
        return self._given[self.asked - 1]


def _meant(part: Expression) -> str | None:
    """The event for which a part of a condition asks by its name, if it does."""
    match part.node:
        case Binary("===", Member(Name("event"), "name"), Written(str(name))):
            return name
        case _:
            return None


def _unnamed(scope: Scope) -> Scope:
    """What is seen where an event stands for all that fit a pattern: nobody knows its name."""
    event = scope["event"]
    if not is_pattern(event["name"]):
        return scope
    return {**scope, "event": {**event, "name": Unknown()}}


def reading(part: Expression, scope: Mapping[str, Any]) -> tuple[Hashable, ...]:
    """What a part of a condition reads, as far as it tells whether it would read the same again."""
    return tuple(_read(path, scope) for path in part.reads)


def standing(known: Suppositions, after: Snapshot, *, many: bool) -> dict[Expression, Supposition]:
    """The suppositions that still stand after a step; `many`: of a machine with several regions."""
    if not known:
        return {}
    scope: dict[str, object] = {"context": after.context}
    if many:
        book = after.book
        scope |= {"results": book.results, "errors": book.errors}
        scope |= {"completedSteps": in_order(book.completed), "failedSteps": in_order(book.failed)}
    return {
        part: supposed
        for part, supposed in known.items()
        if not _PASSING.intersection(path[0] for path in part.reads) and supposed.read == reading(part, scope)
    }


class _Same:
    """A value that equals itself only."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _read(path: tuple[str | int, ...], scope: Mapping[str, Any]) -> Hashable:
    root = path[0]
    if root in ("inputs", "instance"):
        return None  # what never changes
    if root in ("attempt", "completedSteps", "failedSteps", "compensations"):
        return scope[root]  # type: ignore[no-any-return]  # a number or a tuple
    if root == "context" and "results" in scope:
        return _Same(scope["results"])  # in a workflow any result may set any name
    if root == "event":
        return _Same(scope["event"]["data"])
    held = scope.get(str(root), {})
    own = held.get(path[1], UNKNOWN) if len(path) > 1 else UNKNOWN
    return _Same(own), _Same(held.get(MARK)) if root == "context" else None


class Holds(Protocol):
    """Says whether a guard holds. If it may be without an answer, and that is `told`, it may raise Fault."""

    def __call__(self, guard: Expression, scope: Scope, *, told: bool) -> bool: ...


@attrs.frozen(eq=False)
class _Guard:
    """What stands where a guard stood: `step` wants no more of it than this."""

    guard: Expression
    told: bool
    answer: Holds
    parts = ()

    @property
    def text(self) -> str:
        return self.guard.text

    def holds(self, scope: Scope) -> bool:
        return self.answer(self.guard, _unnamed(scope), told=self.told)


@attrs.frozen(eq=False)
class _Value:
    """What stands where a value to be assigned stood."""

    expression: Expression
    answer: Callable[[Expression, Scope], Any]

    @property
    def text(self) -> str:
        return self.expression.text

    def evaluate(self, scope: Scope) -> Any:
        return self.answer(self.expression, _unnamed(scope))


def supposing(machine: Machine, supposer: Supposer) -> Machine:
    """The machine, with guards that ask."""
    return asking(machine, supposer.holds, Expression.partly)


def asking(machine: Machine, holds: Holds, value: Callable[[Expression, Scope], Any]) -> Machine:
    """The machine, with these to say whether its guards hold and what its assigned values are.

    Guards of a decision are left, for its event tells them. `holds` is told whether anybody asks if the guard has no answer.
    """
    faulty = {
        t.guard for region in machine.regions for s in region.states.values() for t in s.transitions() if t.faulty
    }

    def assigning(op: Op) -> Op:
        if not isinstance(op, Assign):
            return op
        return Assign(tuple((name, cast("Expression", _Value(known, value))) for name, known in op.values))

    def asked(transition: Transition) -> Transition:
        guard = transition.guard
        told = guard is None or guard.constant or transition.trigger == DECIDED
        assigns = any(isinstance(op, Assign) for op in _ops(transition))
        if told and not assigns:
            return transition
        changes: dict[str, Any] = {}
        if guard is not None and not told:
            changes["guard"] = cast("Expression", _Guard(guard, guard in faulty, holds))
        if assigns:
            for name in ("exit", "actions", "entry"):
                changes[name] = tuple(map(assigning, getattr(transition, name)))
        return attrs.evolve(transition, **changes)

    changed = with_transitions(machine, asked)
    return attrs.evolve(changed, context=_own(machine)) if machine.context else changed


def _own(machine: Machine) -> Object:
    """What the data are at first, as far as the machine itself makes them: any event may set the others."""
    names = {name for op in machine.operations() if isinstance(op, Assign) for name, _ in op.values}
    return Object({name: value for name, value in machine.context.items() if name in names})


def _ops(transition: Transition) -> tuple[Op, ...]:
    return (*transition.exit, *transition.actions, *transition.entry)
