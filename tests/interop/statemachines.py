"""Classes of python-statemachine at hand: written ones are loaded, and run in virtual time.

What python-statemachine invokes (timers, calls) it runs in threads. Here each waits in a list until its time has come
or somebody answers, and then runs as it is, in the thread of the test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

import attrs
from statemachine.contrib.timeout import _Timeout
from statemachine.engines.sync import SyncEngine
from statemachine.exceptions import TransitionNotAllowed
from statemachine.invoke import Invocation, InvokeManager

from statewf.compiler.tree import Node, Tree, grow
from statewf.compiler.ways import domain
from statewf.definition.model import Action, Function, Raise, Retry, State, StateMachine, Transition
from statewf.interop.statemachine.chart import Calling, Chart, Waiting, _handler_names, _specs
from statewf.interop.statemachine.naming import full_name


def loaded(text: str) -> type[Chart]:
    """The class that a written module defines."""
    module = ModuleType("written")
    exec(compile(text, "written.py", "exec"), module.__dict__)
    (found,) = (
        value for value in vars(module).values() if isinstance(value, type) and value.__module__ == "written"
    )
    assert issubclass(found, Chart)
    return found


class Cancelled(threading.Event):
    """Tells a timer that it waited long enough, at once: it is asked when its time has come."""

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        return self.is_set()


@attrs.define
class Pending:
    """What a state has invoked: when its time comes (None: when somebody answers), and how it runs then."""

    due: float | None
    order: int
    handler: Any
    invocation: Invocation
    run: Callable[[], None]


class Virtual:
    """A chart in virtual time. Calls are answered by hand: `answers` says what their handlers do."""

    def __init__(self, chart: type[Chart], inputs: Mapping[str, Any] | None = None) -> None:
        self.now = 0.0
        self.pending: list[Pending] = []
        self.told: list[tuple[str, Any]] = []
        self.answers: dict[str, Callable[..., object]] = {}
        outer = self

        class Invokes(InvokeManager):
            def _spawn_one_sync(self, callback: Any, **given: Any) -> None:
                outer.invoke(self, callback, **given)

        class Counting(SyncEngine):
            def microstep(self, *given: Any) -> Any:
                assert self._microstep_total < 3000, "it never comes to rest"
                self._microstep_total += 1
                return super().microstep(*given)

            _microstep_total = 0

        def engine(machine: Any) -> SyncEngine:
            made = Counting(machine)
            made._invoke_manager = Invokes(made)
            return made

        chart._get_engine = engine  # type: ignore[method-assign]  # the clock is put in here
        names = dict.fromkeys(name for spec in _specs(chart) for name in _handler_names(spec.func))
        handlers = {name: partial(self.answer, name) for name in names}
        self.machine = chart(
            inputs, handlers=handlers, subscriber=lambda event, data: self.told.append((event, data))
        )

    def invoke(self, manager: InvokeManager, callback: Any, state: Any, event_kwargs: Any = None) -> None:
        handler = manager._resolve_handler(callback.meta.func)
        inner: Any = getattr(handler, "_invoke_handler", handler)
        ctx = manager._make_context(state, event_kwargs, handler=handler)
        ctx.cancelled = Cancelled()
        invocation = Invocation(invokeid=ctx.invokeid, state_id=state.id, ctx=ctx)
        invocation._handler = handler
        manager._active[ctx.invokeid] = invocation
        delay = inner.duration if isinstance(inner, _Timeout) else None
        if isinstance(inner, Waiting):
            delay = inner.seconds(manager.sm)  # type: ignore[arg-type]  # it is a chart
        due = None if delay is None else self.now + round(delay * 1000)
        run = partial(manager._run_sync_handler, callback, handler, ctx, invocation)
        self.pending.append(Pending(due, state.document_order, inner, invocation, run))

    def answer(self, handler: str, machine: Chart, **params: Any) -> object:
        """What a handler does: what the test said, else nothing."""
        return self.answers.pop(handler, dict)()

    def open(self) -> list[Pending]:
        """What is still wanted."""
        self.pending = [one for one in self.pending if not one.invocation.ctx.cancelled.is_set()]
        return self.pending

    def send(self, event: str, data: Any) -> str:
        """Whether an event was accepted."""
        if self.machine.is_terminated:
            return "rejected"
        before = self.machine._step
        try:
            self.machine.send(event, data)
        except TransitionNotAllowed:
            return "rejected"
        return "accepted" if self.machine._step is not before else "ignored"

    def advance(self, milliseconds: float) -> None:
        """Let time pass."""
        until = self.now + milliseconds
        while due := [one for one in self.open() if one.due is not None and one.due <= until]:
            first = min(due, key=lambda one: (one.due, one.order))
            self.pending.remove(first)
            assert first.due is not None
            self.now = first.due
            first.run()
        self.now = until

    def reply(self, handler: str, answer: Callable[..., object]) -> None:
        """Answer the first open call of a handler."""
        one = next(
            one for one in self.open() if isinstance(one.handler, Calling) and one.handler.means.handler == handler
        )
        self.pending.remove(one)
        self.answers[handler] = answer
        one.run()

    @property
    def calls(self) -> list[str]:
        """The handlers of the calls that are open."""
        return [one.handler.means.handler for one in self.open() if isinstance(one.handler, Calling)]

    @property
    def state(self) -> str:
        """The innermost active states, as `Driver.state` has them."""
        active = sorted(self.machine.configuration, key=lambda state: state.document_order)
        return "+".join(full_name(state) for state in active if not state.states)


def tamed(definition: StateMachine) -> StateMachine:
    """The same chart without most of what python-statemachine cannot do, so that there is much to compare."""
    states = {name: _fitting(state, parallel=False) for name, state in definition.states.items()}
    unexpected = "ignore" if definition.unexpected == "defer" else definition.unexpected
    tree = grow(attrs.evolve(definition, states=states, unexpected=unexpected))

    def tame(node: Node) -> State:
        state = node.state
        timed = _led(tree, node, Transition(state.timeout_transition)).target is not None
        return attrs.evolve(
            state,
            on={event: [_led(tree, node, way) for way in ways] for event, ways in state.on.items()},
            on_done=[_led(tree, node, way) for way in state.on_done],
            always=[way for way in state.always if _led(tree, node, way) == way],
            on_entry=[action for action in state.on_entry if not _late(action)],
            on_exit=[action for action in state.on_exit if not _late(action)],
            states={name: tame(child) for name, child in node.children.items()},
            timeout=state.timeout if timed else None,
            timeout_transition=state.timeout_transition if timed else None,
        )

    return attrs.evolve(tree.definition, states={name: tame(node) for name, node in tree.roots.items()})


def _fitting(state: State, *, parallel: bool) -> State:
    """No final state and no parallel one right within a parallel one."""
    within = {name: _fitting(one, parallel=state.parallel and not parallel) for name, one in state.states.items()}
    first = next((name for name, one in within.items() if one.history is None), None)
    within_parallel = parallel and state.parallel
    return attrs.evolve(
        state,
        final=state.final and not parallel,
        states=within,
        parallel=state.parallel and not within_parallel,
        initial=first if within_parallel else state.initial,
    )


def _led(tree: Tree, node: Node, way: Transition) -> Transition:
    """The transition; without its target if that is where python-statemachine leaves something else."""
    targets = [found for name in way.targets if (found := tree.find(name, node)) is not None]
    stays = domain(node, targets, internal=way.internal) if targets else None
    timely = [action for action in way.actions if not _late(action)]
    if stays is not None and stays.state.parallel:
        return attrs.evolve(way, target=None, internal=False, actions=timely)
    return attrs.evolve(way, actions=timely)


def _late(action: Action) -> bool:
    return isinstance(action, Raise) and action.delay is not None


def full(definition: StateMachine) -> StateMachine:
    """The same definition with every target by its full name."""
    tree = grow(definition)

    def spelt(node: Node, way: Transition) -> Transition:
        names = tuple(found.name for name in way.targets if (found := tree.find(name, node)) is not None)
        return attrs.evolve(way, target=names or None)

    def spell(node: Node) -> State:
        state, invoke = node.state, node.state.invoke
        (timer,) = spelt(node, Transition(state.timeout_transition)).targets or (None,)
        return attrs.evolve(
            state,
            on={event: [spelt(node, way) for way in ways] for event, ways in state.on.items()},
            on_done=[spelt(node, way) for way in state.on_done],
            always=[spelt(node, way) for way in state.always],
            timeout_transition=timer,
            invoke=invoke
            and attrs.evolve(
                invoke,
                on_done=[spelt(node, way) for way in invoke.on_done],
                on_error=[spelt(node, way) for way in invoke.on_error],
            ),
            states={name: spell(child) for name, child in node.children.items()},
        )

    return attrs.evolve(definition, states={name: spell(node) for name, node in tree.roots.items()})


def mute(definition: StateMachine) -> StateMachine:
    """The same machine without what python-statemachine cannot do, and nothing that is said in vain."""
    states = {name: _muted(state, top=True) for name, state in definition.states.items()}
    unexpected = "ignore" if definition.unexpected == "defer" else definition.unexpected
    return attrs.evolve(definition, states=states, unexpected=unexpected)


def _muted(state: State, *, top: bool) -> State:
    def once(actions: Iterable[Action]) -> list[Action]:
        return [attrs.evolve(a, retry_policy=None) if isinstance(a, Function) else a for a in actions]

    def ways(listed: Iterable[Transition]) -> list[Transition]:
        return [attrs.evolve(way, actions=once(way.actions)) for way in listed]

    invoke, retry = state.invoke, state.retry
    if invoke is not None:
        invoke = attrs.evolve(invoke, on_done=ways(invoke.on_done), on_error=ways(invoke.on_error))
    if retry is not None and not retry.waits:
        retry = Retry(retry.max_attempts, retry.on)
    return attrs.evolve(
        state,
        on={event: ways(listed) for event, listed in state.on.items()},
        always=ways(state.always),
        on_entry=once(state.on_entry),
        on_exit=once(state.on_exit),
        invoke=invoke,
        retry=retry,
        unexpected=None,
        terminal=state.terminal and top,
        outcome=state.outcome if top else None,
        states={name: _muted(child, top=False) for name, child in state.states.items()},
    )
