"""Generated worlds: machines that compile, and what may happen to an instance of one.

The laws of the kernel, the stores and the executor are checked on these, not only on our own machines.
"""

from __future__ import annotations

import attrs
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.definition.model import (
    Assign,
    Emit,
    Function,
    Invoke,
    Retry,
    RetryPolicy,
    State,
    StateMachine,
    Transition,
    Unexpected,
)
from statewf.machine.events import AnyEvent, Cancel, Event, Failed, Fired, Returned
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, due
from statewf.values.frozen import freeze

EVENTS = ("A", "B", "C", "D")
GUARDS = (
    None,
    None,
    "context.n > 1",
    "event.data.ok === true",
    "attempt < 2",
    "context.missing.deeper === 1",
    "context.n < 'text'",  # a fault
)
ASSIGNMENTS = ({"n": "context.n + 1"}, {"m": "event.data"}, {"n": "1 / 0"})

data = st.fixed_dictionaries(
    {}, optional={"ok": st.booleans(), "n": st.integers(-3, 3), "list": st.just([1, {"a": 2}])}
).map(freeze)


# Strategies are made once, here: Hypothesis validates each new one, which is dear. So a target is drawn
# as a number, and given a name of the machine at hand afterwards.
_policy = st.builds(
    RetryPolicy,
    st.integers(1, 3),
    base_delay=st.sampled_from([0, 10, 1000]),
    jitter=st.sampled_from(["none", "full"]),
)
_action = st.one_of(
    st.builds(Function, st.sampled_from(["f", "g"]), st.just({"p": 1}), st.none() | _policy),
    st.builds(Emit, st.just("Told"), st.sampled_from([None, {"x": 1}])),
    st.builds(Assign, st.sampled_from(ASSIGNMENTS)),
)
actions = st.lists(_action, max_size=2)
_policies: st.SearchStrategy[Unexpected] = st.sampled_from(["reject", "ignore", "defer"])
_target = st.integers(0, 9).map(str)
_move = st.builds(Transition, st.none() | _target, guard=st.sampled_from(GUARDS), actions=actions)
_moves = st.lists(_move, max_size=1)
_invoke = st.builds(Invoke, st.sampled_from(["h", "k"]), on_done=_moves, on_error=_moves)
_retry = st.builds(
    Retry,
    st.integers(1, 3),
    st.lists(st.sampled_from([*EVENTS, "$error"]), min_size=1, max_size=2, unique=True),
    st.sampled_from([None, "linear", "exponential"]),
    st.sampled_from([None, 500]),
)
_on = st.dictionaries(st.sampled_from(EVENTS), st.lists(_move, min_size=1, max_size=2), max_size=3)
_end = st.builds(State, terminal=st.just(True), outcome=st.sampled_from(["success", "failure"]), on_entry=actions)
_going = st.builds(
    State,
    _on,
    always=st.lists(st.builds(Transition, _target, guard=st.just("context.n > 2")), max_size=1),
    retry=st.none() | _retry,
    on_entry=actions,
    on_exit=actions,
    invoke=st.none() | _invoke,
    unexpected=st.none() | _policies,
)
_timed = st.builds(
    lambda s, n, t: attrs.evolve(s, timeout=n, timeout_transition=t), _going, st.integers(1, 3000), _target
)
_state = st.one_of(_going, _timed, _going, _timed, _end)


@st.composite
def definitions(draw: st.DrawFn) -> StateMachine:
    """A state machine that compiles: every feature, a few states, at most one of them compound."""
    top = [f"s{i}" for i in range(draw(st.integers(2, 5)))]
    inner = {top[-1]: ["x", "y"]} if draw(st.booleans()) else {}
    targets = [*top, "end", *(f"{name}.{child}" for name, children in inner.items() for child in children)]
    states = {}
    for name in top:
        if name in inner:
            around, first, second = draw(st.tuples(_timed, _state, _state))
            states[name] = attrs.evolve(
                _named(around, targets),
                retry=None,
                states={"x": _named(first, targets), "y": _named(second, targets)},
                initial="x",
            )
        else:
            states[name] = _named(draw(_state), targets)
    states["end"] = State(terminal=True)
    return StateMachine("world", "s0", states, unexpected=draw(_policies))


def _named(state: State, targets: list[str]) -> State:
    """The state with real targets for its numbers, and no retry of a call that it does not make."""

    def named(move: Transition) -> Transition:
        return attrs.evolve(move, target=move.target and targets[int(str(move.target)) % len(targets)])

    invoke = state.invoke and attrs.evolve(
        state.invoke,
        on_done=[named(move) for move in state.invoke.on_done],
        on_error=[named(move) for move in state.invoke.on_error],
    )
    retry = state.retry
    if retry is not None and invoke is None:
        retry = attrs.evolve(retry, on=[event for event in retry.on if event != "$error"] or ["A"])
    return attrs.evolve(
        state,
        on={event: [named(move) for move in moves] for event, moves in state.on.items()},
        always=[named(move) for move in state.always],
        timeout_transition=state.timeout_transition and targets[int(state.timeout_transition) % len(targets)],
        invoke=invoke,
        retry=retry,
    )


machines = definitions().map(compile_definition)


_goes = st.dictionaries(
    st.sampled_from(EVENTS), st.builds(Transition, _target).map(lambda move: [move]), max_size=3
)
_plain = st.builds(State, _goes) | st.builds(State, _goes, timeout=st.integers(1, 3000), timeout_transition=_target)


@st.composite
def plain_definitions(draw: st.DrawFn) -> StateMachine:
    """A state machine that does nothing but move and set timers: its steps are ready made."""
    names = [f"s{i}" for i in range(draw(st.integers(1, 4)))]
    named = {name: _named(draw(_plain), [*names, "end"]) for name in names}
    return StateMachine("plain", "s0", {**named, "end": State(terminal=True)}, unexpected=draw(_policies))


_named_event = st.tuples(st.sampled_from([*EVENTS, "E"]), data).map(lambda drawn: Event(*drawn))
_answers = st.none() | st.tuples(st.sampled_from(EVENTS), data).map(lambda drawn: Event(*drawn))
_later = st.sampled_from([0, 0, 1, 500, 1500])
_which = st.integers(0, 99)


def happenings(machine: Machine, snapshot: Snapshot) -> st.SearchStrategy[AnyEvent]:
    """Something that may happen now: likely to matter, but also late, stale and unexpected."""
    return _happening(machine, snapshot)


@st.composite
def _happening(draw: st.DrawFn, machine: Machine, snapshot: Snapshot) -> AnyEvent:
    at = snapshot.at + draw(_later)
    calls, timers = sorted(snapshot.flight.calls), due(machine, snapshot)
    which = draw(_which)
    if which == 0:
        return Cancel(at)
    if which == 1:
        return Fired("main", "$timeout:s1", at)
    if calls and which < 40:
        call = calls[which % len(calls)]
        if which % 3 == 0:
            return Failed(call, "Oops", "no", at, draw(st.booleans()))
        answer = draw(_answers)
        return Returned(call, None if answer else draw(data), at, answer)
    if timers and which < 60:
        when, region, timer = timers[which % len(timers)]
        return Fired(region, timer, max(at, when))
    return draw(_named_event)._replace(at=at)
