"""Random workflows, and scripts of what their handlers and people do: the worlds of the laws of step workflows.

Durations are unlike each other, so that no two things happen at one instant by chance: what is first is never
a matter of taste. They come from a hash of who takes his time, so that the worlds shrink without ties.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import attrs
from hypothesis import strategies as st

from statewf.definition.model import (
    Compensation,
    CompensationAction,
    EscalationPolicy,
    Quorum,
    RetryPolicy,
    Review,
    Step,
    Workflow,
    WorkflowErrors,
)
from statewf.definition.write import to_document
from statewf.expr import parse
from statewf.simulator.scenario import Decision, Fail, Hang, Ok, Scenario, Turn
from statewf.values.canonical import compact
from statewf.values.frozen import Object

INPUTS = Object({"yes": True, "no": False})
LONG = 10**6  # ms; about how long anything takes
FLAGS = ("yes", "no")


def lasting(*who: object) -> int:
    """How long it takes, in ms: a number of its own, from 1 to LONG."""
    digest = hashlib.blake2b(repr(who).encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % LONG


@attrs.frozen(repr=False)
class Flow:
    """A workflow, and what happens in it: by step id, the turns of its handler and the decisions of its task."""

    workflow: Workflow
    turns: Mapping[str, tuple[Turn, ...]]
    decisions: Mapping[str, Decision]

    def __repr__(self) -> str:
        """Short enough to be read in a failure."""
        turns = {name: [(turn.behaviour, turn.after) for turn in turns] for name, turns in self.turns.items()}
        return f"{compact(to_document(self.workflow))}\n{turns}\n{dict(self.decisions)}"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(repr(self))

    def scenario(self) -> Scenario:
        """The script, for the simulator."""
        tasks = {step: (decision,) for step, decision in self.decisions.items()}
        return Scenario(inputs=INPUTS, handlers=self.turns, tasks=tasks)

    def steps(self) -> Iterator[Step]:
        """All steps, in document order."""
        yield from inner(self.workflow.steps)


def inner(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Steps and all those within them, in document order."""
    for step in steps:
        yield step
        yield from inner(tuple(found for _, found in step.inner()))


class _Maker:
    """Draws one flow. `rich`: with all that the reference of the tests does not know."""

    def __init__(self, draw: st.DrawFn, *, rich: bool) -> None:
        self.draw = draw
        self.rich = rich
        self.ids = (f"s{number}" for number in count())
        self.seed = draw(st.integers(0, 10**6))
        self.turns: dict[str, tuple[Turn, ...]] = {}
        self.decisions: dict[str, Decision] = {}

    def some(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self.draw(strategy)

    def maybe(self, strategy: st.SearchStrategy[Any], times: int = 3) -> Any:
        """Mostly None."""
        return self.some(strategy) if self.some(st.integers(0, times)) == times else None

    def lasting(self, *who: object) -> int:
        return lasting(self.seed, *who)

    def flow(self) -> Flow:
        steps = self.siblings(self.some(st.integers(1, 5)), depth=2)
        errors = WorkflowErrors(
            default_retry_policy=self.maybe(st.just(self.policy("default"))),
            compensation_strategy=self.some(
                st.sampled_from(("reverse-order", "reverse-order", "parallel", "none"))
            ),
            notify_on_failure=self.some(st.booleans()),
        )
        timeout = None if self.maybe(st.just(True), 7) is None else 3 * self.lasting("timeout")
        workflow = Workflow("flow", steps, timeout=timeout, error_handling=errors)
        return Flow(workflow, self.turns, self.decisions)

    def siblings(self, number: int, depth: int) -> tuple[Step, ...]:
        """Steps of one list, in any order of their dependencies."""
        made = [self.step(depth) for _ in range(number)]
        order = range(number) if self.some(st.booleans()) else self.some(st.permutations(range(number)))
        in_turn = list(order) == sorted(order)
        for at, position in enumerate(order):
            earlier = [made[index].id for index in order[:at]]
            named = st.lists(st.sampled_from(earlier), unique=True, max_size=3) if earlier else st.just([])
            wanted = self.maybe(named, 1)
            if wanted is None and not in_turn:
                wanted = ()
            made[position] = attrs.evolve(made[position], depends_on=wanted)
        return tuple(made)

    def step(self, depth: int) -> Step:
        kinds = ["function", "function", "function", "wait", "human-task"]
        kinds += ["event"] if self.rich else []
        kinds += ["parallel", "condition"] if depth else []
        name = next(self.ids)
        common: dict[str, Any] = {
            "required": self.some(st.sampled_from((True, True, False))),
            "when": None if (flag := self.maybe(st.sampled_from(FLAGS), 4)) is None else parse(f"inputs.{flag}"),
            "timeout": None if self.maybe(st.just(True)) is None else self.lasting(name, "timeout"),
            "on_error": self.maybe(st.sampled_from(("notify-manager", "rollback", "log-and-continue"))),
            "compensation": self.undo(name),
        }
        return getattr(self, self.some(st.sampled_from(kinds)).replace("-", "_"))(name, common, depth)  # type: ignore[no-any-return]  # a method of this class, by its kind

    def function(self, name: str, common: dict[str, Any], _: int) -> Step:
        self.turns[name] = tuple(self.turn(name, i) for i in range(self.some(st.integers(1, 3))))
        policy = self.maybe(st.just(self.policy(name)), 1)
        if self.maybe(st.just(True), 4):
            common["on_error"] = "human-review"
            common["review"] = self.review(name)
        return Step(name, **common, retry_policy=policy)

    def review(self, name: str) -> Review | None:
        words = ["approved", "rejected"]
        if self.maybe(st.just(True), 4) is None:
            self.decide(name, words)
        elif self.rich:
            return None  # asked, and never answered
        return Review("ann", self.lasting(name, "review"))

    def decide(self, name: str, words: list[str]) -> None:
        word = self.some(st.sampled_from(words))
        self.decisions[name] = Decision(word, self.lasting(name, "decided"), "ann", None, Object({name: word}))

    def human_task(self, name: str, common: dict[str, Any], _: int) -> Step:
        if self.maybe(st.just(True), 4) is None:
            self.decide(name, ["approved", "approved", "rejected", "later"])
        elif not self.rich and common["timeout"] is None:
            common["timeout"] = self.lasting(name, "timeout")
        escalation = EscalationPolicy(self.lasting(name, "escalated"), "boss")
        rejected = self.some(st.sampled_from(("fail", "continue")))
        return Step(
            name, type="human-task", **common, on_reject=rejected, escalation_policy=self.maybe(st.just(escalation))
        )

    def wait(self, name: str, common: dict[str, Any], _: int) -> Step:
        return Step(name, type="wait", **common, duration=self.lasting(name))

    def event(self, name: str, common: dict[str, Any], _: int) -> Step:
        return Step(name, type="event", **common, event=self.some(st.sampled_from(("PING", "PONG"))))

    def parallel(self, name: str, common: dict[str, Any], depth: int) -> Step:
        steps = self.siblings(self.some(st.integers(1, 4)), depth - 1)
        quorum = Quorum(self.some(st.integers(1, len(steps))))
        if not self.rich:  # one that is out of reach at once would fail at the very moment it begins
            steps = tuple(attrs.evolve(step, when=None) for step in steps)
        strategy = self.some(st.sampled_from(("all", "any", "first", quorum)))
        places = self.maybe(st.integers(1, 2)) if self.rich else None
        return Step(name, type="parallel", **common, steps=steps, strategy=strategy, max_concurrency=places)

    def condition(self, name: str, common: dict[str, Any], depth: int) -> Step:
        told = parse(f"inputs.{self.some(st.sampled_from(FLAGS))}")
        then, other = self.step(depth - 1), self.maybe(st.just(True), 1) and self.step(depth - 1)
        return Step(name, type="condition", **common, condition=told, then=then, else_=other)

    def turn(self, name: str, i: int) -> Turn:
        kinds = [Ok(Object({name: i, "last": name})), Fail("down", "Down"), Fail("gone", "Gone", retryable=False)]
        hang = [Hang()] if self.rich else []
        behaviour = self.some(st.sampled_from([kinds[0], kinds[0], *kinds, *hang]))
        return Turn(behaviour, self.lasting(name, i), bool(self.rich and self.maybe(st.just(True), 4)))

    def policy(self, name: str) -> RetryPolicy:
        delay = self.lasting(name, "delay")
        return RetryPolicy(
            self.some(st.integers(1, 3)),
            self.some(st.sampled_from(("exponential", "linear", "constant"))),
            delay,
            max(delay, 2 * self.lasting(name, "cap")),
            non_retryable=("Down",) if self.maybe(st.just(True), 5) else (),
        )

    def undo(self, name: str) -> Compensation | None:
        number = self.some(st.sampled_from((0, 0, 1, 2)))
        actions = [f"{name}-undo{i}" for i in range(number)]
        return Compensation([self.action(action) for action in actions]) if actions else None

    def action(self, name: str) -> CompensationAction:
        """One that hangs has a timeout: nobody else would end it."""
        self.turns[name] = (self.turn(name, 0), self.turn(name, 1))
        hangs = any(isinstance(turn.behaviour, Hang) for turn in self.turns[name])
        timed = hangs or self.maybe(st.just(True)) is not None
        return CompensationAction(name, timeout=self.lasting(name, "timeout") if timed else None)


@st.composite
def flows(draw: st.DrawFn, *, rich: bool = False) -> Flow:
    """Flows; `rich` ones have all that there is, others what can be told without running them."""
    return _Maker(draw, rich=rich).flow()
