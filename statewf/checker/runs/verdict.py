"""What becomes of the properties of a definition: each is proved, refuted, possible or undetermined.

    proved         no run violates it, whatever happens and whatever the data are
    refuted        this run violates it; and if something was supposed of data on it, others do if that is not so
    possible       this run violates it, if data are such, of which nothing is known; or if timers of several steps come
                   in an order that no run was found to have
    undetermined   there are more runs than were looked at, and none of these violates it; or only if data are such; or
                   only with timers in an order that none of many was found to have

Below: the words, `search`, `retrace`. Above: the checker, and the proofs that need no run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from statewf.checker.runs.retrace import Told, retraced
from statewf.checker.runs.search import Look, Run, Search, Space
from statewf.checker.words.atoms import WORKFLOW, Watch
from statewf.checker.words.functions import of_known, of_whole
from statewf.checker.words.monitors import (
    State,
)
from statewf.checker.words.question import Question, question
from statewf.definition.properties import (
    Predicate,
    Property,
    Response,
    Sometimes,
)
from statewf.expr import Expression, Fault
from statewf.machine.fsm import Machine
from statewf.machine.lens import assigned_names
from statewf.machine.record import state_of, steps_of
from statewf.machine.snapshot import Snapshot, Step, region_state
from statewf.values.frozen import EMPTY, Object

Answer: TypeAlias = Literal["proved", "refuted", "possible", "undetermined"]
TIMED = 10_000  # moves of runs that are tried, until one can be timed


@attrs.frozen
class Verdict:
    """What became of a property. `run` shows it: a violation, or the snapshot that `sometimes` asks for.

    `text` says the property in words, `where` its place (`$.properties[0]`, `also[0]`). `told` is that run step by step, if
    it can be timed. It is `idle` if what it speaks of never happens, so that nothing could violate it.
    """

    text: str
    name: str | None
    answer: Answer
    run: Run | None = None
    told: tuple[Told, ...] | None = None
    idle: bool = False
    where: str = ""

    def document(self) -> dict[str, Any]:
        """The verdict as JSON; `trace` is the run that shows it, `loop` what it does for ever from there."""
        run = self.run
        return {
            "property": self.text,
            "where": self.where,
            **({} if self.name is None else {"name": self.name}),
            "verdict": self.answer,
            **({"idle": True} if self.idle else {}),
            **({} if run is None else {"trace": [move.label for move in run.moves]}),
            **({} if run is None or not run.loop else {"loop": [move.label for move in run.loop]}),
        }


# --- answering it


def verdict(machine: Machine, space: Space, asked: Question) -> Verdict:
    """What becomes of a property among all runs that were explored. Raises PropertyFails."""
    seeker = _Seeker(machine, space, asked)
    return seeker.sought() if isinstance(asked.asked, Sometimes) else seeker.violated()


@attrs.frozen(eq=False)
class _Seeker:
    machine: Machine
    space: Space
    asked: Question

    def search(self, *, certain: bool, unknown: bool) -> Search:
        """A search; `unknown` is what a condition is taken for where nobody knows."""
        condition = self.asked.condition
        look = None if condition is None else _look(self.machine, self.space, condition, unknown=unknown)
        return Search(self.space, self.asked.monitor, Watch(self.asked.atoms), look, certain=certain)

    def answered(self, answer: Answer, run: Run | None = None, told: tuple[Told, ...] | None = None) -> Verdict:
        return Verdict(self.asked.text, self.asked.asked.name, answer, run, told)

    def retraced(self, run: Run) -> tuple[Told, ...] | None:
        return retraced(self.machine, self.space.found, run)

    @property
    def perhaps(self) -> Answer:
        """What a run that hangs on data shows: where there are more, one of them may do without."""
        return "possible" if self.space.found.whole else "undetermined"

    def inevitable(self) -> bool:
        """Whether it is violated whatever the data are."""
        return self.space.found.answered and self.search(certain=False, unknown=True).inevitable()

    def sought(self) -> Verdict:
        """Whether the condition holds somewhere."""
        for certain in (True, False):
            if (run := self.search(certain=certain, unknown=not certain).meeting()) is not None:
                if certain:
                    return self.answered("proved", run, self.retraced(run))
                return self.answered(self.perhaps, run, self.retraced(run))
        return self.answered("refuted" if self.space.found.whole else "undetermined")

    def violated(self) -> Verdict:
        """Whether some run violates it, and that can be timed."""
        first: Run | None = None
        left = TIMED
        for certain in (True, False):
            for run in self.search(certain=certain, unknown=certain).violations():
                first = first or run
                if (told := self.retraced(run)) is not None:
                    if certain or self.inevitable():
                        return self.answered("refuted", run, told)
                    return self.answered(self.perhaps, run, told)
                left -= len(run.moves) + len(run.loop)
                if left < 0:
                    return self.answered("undetermined", first)
        if not self.space.found.whole:
            return self.answered("undetermined", first)
        if first is not None:
            return self.answered("possible", first)
        return attrs.evolve(self.answered("proved"), idle=_is_idle(self.space, self.asked))


def holds(machine: Machine, steps: Sequence[Step], asked: Property) -> bool:
    """Whether a run, from its start, does not violate a property: at no step, nor by ending or resting where it does.

    Raises NoSuchAtom, and PropertyFails for a function without an answer. Of `sometimes`: whether the condition holds
    somewhere.
    """
    put = question(machine, asked)
    watch, monitor, condition = Watch(put.atoms), put.monitor, put.condition
    state: State | None = monitor.start
    met = False
    for step in steps:
        for letter in watch.letters(step):
            state = None if state is None else monitor.read(state, letter)
        if state is not None and condition is not None:
            scope = visible(machine, step.after)
            here = (
                of_whole(condition, scope) if callable(condition) else _is_so(condition, scope, step.after.inputs)
            )
            met = met or (here and monitor.look(state, holds=True) != state)
            state = monitor.look(state, holds=here)
    if isinstance(asked, Sometimes):
        return met
    if state is None or not steps:
        return state is not None
    last = steps[-1].after
    resting = not (last.flight.calls or last.flight.deadlines or last.ended)
    return not ((last.ended and monitor.owed(state)) or (resting and monitor.awaited(state)))


def _look(machine: Machine, space: Space, condition: Expression | Predicate, *, unknown: bool) -> Look:
    """Whether the condition holds at a node; `unknown` is the answer where nobody knows."""
    known: dict[int, bool] = {}
    assigned = assigned_names(machine)

    def asked(node: int) -> bool:
        scope = visible(machine, space.found.snapshots[node])
        if callable(condition):
            answer = of_known(condition, scope, assigned)
            return unknown if answer is None else answer
        if len(machine.regions) > 1:  # the result of any step may set any name, or have done so
            scope = {**scope, "context": EMPTY}
        supposed = {part.text: answer for part, answer in space.found.supposed[node]}
        return _holds(condition, scope, supposed, unknown=unknown)

    def look(node: int) -> bool:
        if node not in known:
            known[node] = asked(node)
        return known[node]

    return look


def _is_so(condition: Expression, scope: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    """Whether it holds in a real run, of which everything is known."""
    try:
        return condition.holds({**scope, "inputs": inputs})
    except Fault:
        return False


class _Open(Exception):
    """Nobody knows."""


def _holds(condition: Expression, scope: Mapping[str, Any], supposed: Mapping[str, str], *, unknown: bool) -> bool:
    """Whether it holds by what is known and what was supposed on the way."""

    def ask(part: Expression) -> bool:
        answer = supposed.get(part.text)
        if answer is None:
            raise _Open
        return answer == "yes"

    try:
        return condition.decided(scope, ask)
    except Fault:
        return False
    except _Open:
        return unknown


def visible(machine: Machine, snapshot: Snapshot) -> Mapping[str, Any]:
    """What conditions of properties see of a snapshot.

    `state` lists what is active: the state of a state machine and those around it, or what each step that has begun
    is at (`payment:running`), and the workflow's own state. `attempts` is by state or step.
    """
    if len(machine.regions) == 1:
        state, attempt, _ = region_state(snapshot.regions, 0)
        leaves = machine.notes.leaves[state]
        active = tuple(reversed(machine.notes.active[state])) or leaves
        attempts = Object(dict.fromkeys(leaves, attempt))
    else:
        here = list(steps_of(machine, snapshot))
        begun = (f"{step}:{state}" for step, state, _ in here if state != "waiting")
        active = (*begun, f"{WORKFLOW}:{state_of(snapshot)}")
        attempts = Object({step: attempt for step, _, attempt in here})
    return {
        "state": active,
        "attempts": attempts,
        "context": snapshot.context,
        "results": snapshot.book.results,
    }


def _is_idle(space: Space, asked: Question) -> bool:
    """Whether what begins it never happens: the first atom of its scope, the trigger of a response."""
    if not (asked.monitor.after or isinstance(asked.asked, Response)):
        return False
    begins = Watch(asked.atoms[:1] if asked.monitor.after else asked.atoms[int(asked.monitor.until) :][:1])
    return not any(begins.letters(move) for move in (*space.found.initial, *space.found.moves))
