"""A real system driven beside its model: what the model accepts the system must take, what it refuses, refuse.

    from statewf.testing.stateful import state_machine

    class ShopAdapter:                                   # how a test moves the real thing
        def __init__(self): self.shop = Shop()
        def start(self, inputs): self.shop.open(inputs)
        def send(self, event, data): return self.shop.post(event, data).status == 200
        def state(self): return self.shop.order.status
        def close(self): self.shop.shut()

    TestShop = state_machine(machine, ShopAdapter).TestCase

After every move the states must agree. Hypothesis looks for a shortest story in which they do not, and the message
tells it line by line. What the system does by itself happens only if its adapter can be asked to: see `Waits`,
`TimesOut`, `Replies`, `Decides` and `Cancels`. The model is a `Driver`: its function actions succeed at once.

Needs hypothesis (`pip install 'statewf[test]'`). Below: `strategies`. Above: tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn, Protocol, runtime_checkable

import attrs

from statewf.definition.model import Definition
from statewf.errors import EventRejected
from statewf.machine.events import Event
from statewf.machine.fsm import TIMEOUT, Machine
from statewf.machine.snapshot import due
from statewf.simulator import Driver
from statewf.testing.strategies import NOTHING, Strategies, checked
from statewf.values.canonical import compact
from statewf.values.frozen import freeze_object, thaw

# isort: split
from hypothesis import strategies as st  # behind `strategies`, which says what to install where it is missing
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule


class Adapter(Protocol):
    """How a test moves one instance of the real system. A fresh one is made for every story."""

    def start(self, inputs: dict[str, Any], /) -> object:
        """Begin."""

    def send(self, event: str, data: dict[str, Any], /) -> bool:
        """Send it an event; whether the system took it. What is ignored by the model may be answered either way."""

    def state(self) -> str:
        """Where it is, by the name that the model has for it."""

    def close(self) -> object:
        """Clean up."""


@runtime_checkable
class Waits(Protocol):
    """A system whose clock can be moved."""

    def advance(self, seconds: float, /) -> object:
        """Let time pass; timeouts that are due happen, those at the very end too."""


@runtime_checkable
class TimesOut(Protocol):
    """A system without a clock of its own, that can be told that a timeout is due."""

    def timeout(self, state: str, /) -> object:
        """The timeout of that state, or step, is due; the end of a state's wait between attempts is `$retry:STATE`."""


@runtime_checkable
class Replies(Protocol):
    """A system whose calls can be answered for it, by a fake of what it calls."""

    def reply(self, handler: str, result: Any, /) -> object:
        """The open call of that handler returns: a JSON value, or a `wf.Event`."""

    def fail(self, handler: str, error: str, /) -> object:
        """It fails, with an error of that name."""


@runtime_checkable
class Decides(Protocol):
    """A system with tasks for people."""

    def complete(self, step: str, decision: str, result: Any, /) -> object:
        """Somebody decides the open task of that step."""


@runtime_checkable
class Cancels(Protocol):
    """A system that can be cancelled."""

    def cancel(self) -> object:
        """Cancel it."""


def state_machine(
    machine: Machine | Definition,
    adapter: Callable[[], Adapter],
    *,
    inputs: st.SearchStrategy[Any] = NOTHING,
    data: Strategies | None = None,
    results: Strategies | None = None,
) -> type[Model]:
    """A `RuleBasedStateMachine` that moves what `adapter()` makes beside the machine; its `TestCase` is the test.

    `inputs`, `data` and `results` are as in `strategies`. Raises DataError when they name what the machine does not
    have.
    """
    plan = Plan(checked(machine, inputs, data, results), adapter, inputs, data or {}, results or {})
    return type("Model", (Model,), {"plan": plan})


@attrs.frozen(eq=False)
class Plan:
    """What a test is made of, and what may be sent."""

    machine: Machine
    adapter: Callable[[], Adapter]
    inputs: st.SearchStrategy[Any]
    data: Strategies
    results: Strategies

    made: dict[tuple[str, ...], st.SearchStrategy[tuple[str, Any]]] = attrs.field(factory=dict, init=False)

    def events(self, allowed: tuple[str, ...]) -> st.SearchStrategy[tuple[str, Any]]:
        """An event and its data: half the time one that is allowed, of however many the machine knows."""
        if allowed not in self.made:
            others = [name for name in self.machine.listeners if name not in allowed]
            names = [*allowed * max(1, len(others) // max(1, len(allowed))), *others]
            pairs = {name: st.tuples(st.just(name), self.data.get(name, NOTHING)) for name in names}
            self.made[allowed] = st.sampled_from(names).flatmap(pairs.__getitem__)
        return self.made[allowed]


_model: st.SearchStrategy[Model] = st.runner()


class Disagreement(AssertionError):
    """The system did what its model does not, or left undone what it does; the message tells the story."""


class Model(RuleBasedStateMachine):
    """Model and system side by side. `state_machine` gives it its plan."""

    plan: ClassVar[Plan]

    def __init__(self) -> None:
        super().__init__()
        self.driver: Driver
        self.system = self.plan.adapter()
        self.story: list[str] = []

    def teardown(self) -> None:
        """The end of a story."""
        self.system.close()

    # --- what happens

    @initialize(inputs=_model.flatmap(lambda model: model.plan.inputs))
    def start(self, inputs: Any) -> None:
        self.driver = Driver(self.plan.machine, inputs)
        with self.moving(f"start {_shown(inputs)}"):
            self.system.start(self.driver.inputs)

    @precondition(lambda model: model.plan.machine.listeners)
    @rule(event=_model.flatmap(lambda model: model.plan.events(model.driver.allowed)))
    def send(self, event: tuple[str, Any]) -> None:
        """Somebody sends an event, expected or not."""
        name, data = event
        answer = self._answer(name, data)
        with self.moving(f"send {name} {_shown(data)}", answer):
            took = self.system.send(name, thaw(freeze_object(data, f"the data of {name}")))
            if not isinstance(took, bool):
                raise TypeError(f"send() of the adapter says True or False, not {took!r}")
            if took is answer.startswith("refused") and not answer.startswith("ignored"):
                self.disagree(f"the system {'took' if took else 'refused'} {name}")

    @precondition(lambda model: model.next_timer and isinstance(model.system, Waits | TimesOut))
    @rule()
    def wait_for_timer(self) -> None:
        """Time passes until the next timer of the model is due."""
        assert self.next_timer is not None
        at, region, timer = self.next_timer
        seconds = self.wait(at - self.driver.now)
        if isinstance(self.system, Waits):
            with self.moving(f"wait {seconds:g} s"):
                self.system.advance(seconds)
        else:
            assert isinstance(self.system, TimesOut)
            who = timer.removeprefix(TIMEOUT) if len(self.plan.machine.regions) == 1 else region
            with self.moving(f"timeout of {who}"):
                self.system.timeout(who)

    @precondition(lambda model: model.next_timer and isinstance(model.system, Waits))
    @rule()
    def wait_a_little(self) -> None:
        """Time passes, and nothing is due yet."""
        assert isinstance(self.system, Waits)
        assert self.next_timer is not None
        seconds = self.wait((self.next_timer[0] - self.driver.now) // 2)
        with self.moving(f"wait {seconds:g} s"):
            self.system.advance(seconds)

    @precondition(lambda model: model.driver.calls and isinstance(model.system, Replies))
    @rule(result=_model.flatmap(lambda model: model.plan.results.get(model.driver.calls[0].handler, NOTHING)))
    def reply(self, result: Any) -> None:
        """The first call that nobody has answered is answered."""
        if isinstance(result, Exception):
            self.fail(type(result).__name__)
            return
        assert isinstance(self.system, Replies)
        handler = self.driver.calls[0].handler
        self.driver.reply(result, handler=handler)
        with self.moving(f"{handler} returns {_shown(result)}"):
            self.system.reply(handler, result)

    @precondition(lambda model: model.driver.calls and isinstance(model.system, Replies))
    @rule(error=st.just("Error"))
    def fail(self, error: str) -> None:
        """It fails, with an error of that name."""
        assert isinstance(self.system, Replies)
        handler = self.driver.calls[0].handler
        self.driver.reply(error=error, handler=handler)
        with self.moving(f"{handler} fails with {error}"):
            self.system.fail(handler, error)

    @precondition(lambda model: model.driver.tasks and isinstance(model.system, Decides))
    @rule(
        decision=st.sampled_from(("approved", "rejected")),
        result=_model.flatmap(lambda model: model.plan.results.get(model.driver.tasks[0].step, st.none())),
    )
    def decide(self, decision: str, result: Any) -> None:
        """Somebody decides the first open task."""
        assert isinstance(self.system, Decides)
        step = self.driver.tasks[0].step
        self.driver.complete(step, decision, result=result)
        with self.moving(f"{step} is {decision} {_shown(result)}"):
            self.system.complete(step, decision, result)

    @precondition(lambda model: not model.driver.done and isinstance(model.system, Cancels))
    @rule()
    def cancel(self) -> None:
        """Somebody cancels it."""
        assert isinstance(self.system, Cancels)
        try:
            self.driver.cancel()
        except EventRejected:
            return  # a workflow that is about to end already
        with self.moving("cancel"):
            self.system.cancel()

    # --- model and system, one beside the other

    def _answer(self, name: str, data: Any) -> str:
        """Send an event to the model; what is to be said of that, if it was not just accepted."""
        try:
            told = self.driver.send(name, data).disposition
        except EventRejected as rejected:
            return f"refused ({rejected.reason}), "
        return "" if told == "accepted" else f"{told}, "

    @contextmanager
    def moving(self, told: str, answer: str = "") -> Iterator[None]:
        """A move of the system, that the model has made already: a line of the story, and then both agree."""
        self.story.append(f"{told:40} {answer}{self.driver.state}")
        try:
            yield
            found = self.system.state()
            if found != self.driver.state:
                self.disagree(f"the system is in {found!r}")
        except Exception as error:
            if not isinstance(error, Disagreement):
                error.add_note(self.told("this happened at the end of:"))
            raise

    def disagree(self, what: str) -> NoReturn:
        raise Disagreement(self.told(f"{what}, and the model is in {self.driver.state!r}, at the end of:"))

    def told(self, why: str) -> str:
        """The story so far, and where the model was after each move."""
        return "\n".join([why, *(f"    {line.rstrip()}" for line in self.story)])

    def wait(self, milliseconds: int) -> float:
        """Let the model's time pass; the same in seconds."""
        self.driver.advance(milliseconds / 1000)
        return milliseconds / 1000

    # --- where the model is

    @property
    def next_timer(self) -> tuple[int, str, str] | None:
        """The one that is due first: when, its region and its name."""
        return next(iter(due(self.plan.machine, self.driver.snapshot)), None)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, Exception | Event) else compact(value)
