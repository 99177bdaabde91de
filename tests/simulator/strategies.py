"""Random state machines that compile, and random things that people do to a driver of one."""

from __future__ import annotations

from typing import TypeAlias

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from statewf.definition.model import (
    ERROR,
    Action,
    Assign,
    Emit,
    ErrorHandling,
    Function,
    Invoke,
    Retry,
    RetryPolicy,
    State,
    StateMachine,
    Transition,
    Unexpected,
)
from statewf.errors import NonRetryable
from statewf.machine.events import Event

EVENTS = ("A", "B", "C")
HANDLERS = ("f", "g")
GUARDS = (
    *("event.data.n > 1", "context.n > 1", "attempt > 1", "event.name === 'A'", "true", "false"),
    *("context.n < context.text", "inputs.none.deep"),  # a fault when `text` is there, and undefined
)
DATA = st.sampled_from([None, {"n": 0}, {"n": 2}, {"n": 5, "text": "x"}, {"m": [1, {"deep": None}]}])

POLICIES = st.builds(RetryPolicy, st.integers(1, 3), base_delay=st.sampled_from([0, 700, 3_000]))
ACTIONS: SearchStrategy[Action] = st.one_of(
    st.builds(Function, st.sampled_from(HANDLERS), retry_policy=st.none() | POLICIES),
    st.builds(Emit, st.just("Told"), st.sampled_from([None, {"x": 1}])),
    st.builds(
        Assign, st.sampled_from([{"n": "(context.n ?? 0) + 1"}, {"text": "'t'", "n": "1 / 0"}, {"n": "attempt"}])
    ),
)
FEW_ACTIONS = st.lists(ACTIONS, max_size=2)
UNEXPECTED: SearchStrategy[Unexpected] = st.sampled_from(("reject", "ignore", "defer"))


def transitions(targets: list[str], *, internal: bool = True) -> SearchStrategy[list[Transition]]:
    target = st.sampled_from(targets) | st.none() if internal else st.sampled_from(targets)
    one = st.builds(Transition, target, guard=st.none() | st.sampled_from(GUARDS), actions=FEW_ACTIONS)
    plain = st.builds(Transition, st.sampled_from(targets))
    return st.lists(one, min_size=1, max_size=2) | st.lists(plain, min_size=1, max_size=1)


@st.composite
def retries(draw: DrawFn, *, invokes: bool) -> Retry:
    return Retry(
        draw(st.integers(1, 3)),
        draw(st.lists(st.sampled_from(EVENTS + ((ERROR,) if invokes else ())), min_size=1, max_size=2)),
        draw(st.sampled_from([None, None, "linear", "exponential"])),
        draw(st.sampled_from([None, None, 0, 1_500])),
        jitter=draw(st.sampled_from(["none", "full"])),
    )


@st.composite
def states(draw: DrawFn, targets: list[str], later: list[str], inner: dict[str, State] | None = None) -> State:
    """A state. What happens by itself (`always`, `onDone`) leads to a later state, so that it has an end."""
    if inner is None and draw(st.integers(0, 6)) == 0:
        return State(
            terminal=True, outcome=draw(st.sampled_from(["success", "failure"])), on_entry=draw(FEW_ACTIONS)
        )
    timeout = draw(st.sampled_from([None, None, 1_000, 2_000, 3_500]))
    invoke = draw(
        st.none()
        | st.builds(
            Invoke,
            st.just("ask"),
            on_done=st.just([]) | transitions(targets),
            on_error=st.just([]) | transitions(targets),
        )
    )
    return State(
        draw(st.dictionaries(st.sampled_from(EVENTS), transitions(targets), max_size=3)),
        always=draw(transitions(later, internal=False)) if later and draw(st.integers(0, 4)) == 0 else (),
        timeout=timeout,
        timeout_transition=draw(st.sampled_from(targets)) if timeout is not None else None,
        retry=draw(st.none() | retries(invokes=invoke is not None)) if inner is None else None,
        on_entry=draw(FEW_ACTIONS),
        on_exit=draw(FEW_ACTIONS),
        invoke=invoke,
        unexpected=draw(st.none() | UNEXPECTED),
        states=inner or {},
        initial=next(iter(inner)) if inner else None,
    )


@st.composite
def machines(draw: DrawFn) -> StateMachine:
    """Two to five states, some of them compound."""
    names = [f"s{i}" for i in range(draw(st.integers(2, 5)))]
    compound = [name for name in names if draw(st.integers(0, 3)) == 0]
    targets = [*names, *(f"{name}.{child}" for name in compound for child in ("x", "y"))]
    listed: dict[str, State] = {}
    for i, name in enumerate(names):
        later = [other for other in names[i + 1 :] if other not in compound]
        inner = {child: draw(states(targets, later)) for child in ("x", "y")} if name in compound else None
        listed[name] = draw(states(targets, later, inner))
    default = draw(st.none() | POLICIES)
    return StateMachine(
        "random", names[0], listed, unexpected=draw(UNEXPECTED), error_handling=ErrorHandling(default)
    )


@attrs.frozen
class Send:
    name: str
    data: dict[str, object] | None
    key: str | None


@attrs.frozen
class Reply:
    answer: object


@attrs.frozen
class Pass:
    seconds: float


@attrs.frozen
class Stop:
    """Cancel it."""


Deed: TypeAlias = Send | Reply | Pass | Stop

ANSWERS: SearchStrategy[object] = st.one_of(
    DATA,
    st.builds(Event, st.sampled_from((*EVENTS, "UNKNOWN")), DATA),
    st.sampled_from([OSError("down"), NonRetryable("never"), object()]),
)
DEEDS: SearchStrategy[Deed] = st.one_of(
    st.builds(
        Send, st.sampled_from((*EVENTS, *EVENTS, "UNKNOWN")), DATA, st.none() | st.sampled_from(["k1", "k2"])
    ),
    st.builds(Reply, ANSWERS),
    st.builds(Pass, st.sampled_from([0, 0.5, 1, 1.5, 4])),
    st.sampled_from([*[Pass(1)] * 9, Stop()]),
)
