"""Events a second of the pure step, on the order machine of the seed, its timeout and retry included.

Everybody drives the same lifecycles and keeps what it has to show of each event: we the full step
(snapshots before and after, the event, the effects), the others (from, event, to). The peers carry
neither timeout nor retry: they have none that is data. `lookup alone` is our table without the records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statewf.compiler import compile_definition
from statewf.definition.model import Retry, State, StateMachine
from statewf.machine.events import Event
from statewf.machine.snapshot import Step
from statewf.machine.step import start, step
from tests.benchmarks.measure import Result, rates

LIFECYCLES = 2_000
ROUNDS = 7
PATH = (
    "VALIDATE",
    "VALIDATION_SUCCESS",
    "PROCESS_PAYMENT",
    "PAYMENT_SUCCESS",
    "FULFILL",
    "SHIPPED",
    "DELIVERED",
)
TABLE: dict[str, dict[str, str]] = {
    "pending": {"VALIDATE": "validating", "CANCEL": "cancelled"},
    "validating": {"VALIDATION_SUCCESS": "validated", "VALIDATION_FAILED": "validation-failed"},
    "validated": {"PROCESS_PAYMENT": "processing-payment"},
    "processing-payment": {"PAYMENT_SUCCESS": "paid", "PAYMENT_FAILED": "payment-failed"},
    "paid": {"FULFILL": "fulfilling"},
    "fulfilling": {"SHIPPED": "shipped", "FULFILLMENT_FAILED": "fulfillment-failed"},
    "shipped": {"DELIVERED": "delivered", "RETURN_REQUESTED": "returning"},
    "returning": {"RETURNED": "returned"},
    "fulfillment-failed": {"RETRY": "fulfilling"},
    "delivered": {},
    "returned": {},
    "cancelled": {},
    "validation-failed": {},
    "payment-failed": {},
}


def order() -> StateMachine:
    """The order machine of the seed."""
    extra: dict[str, dict[str, Any]] = {
        "validating": {"timeout": 30_000, "timeout_transition": "validation-failed"},
        "processing-payment": {"retry": Retry(3, "PAYMENT_FAILED")},
    }
    states = {name: State(on, terminal=not on, **extra.get(name, {})) for name, on in TABLE.items()}
    return StateMachine("order", "pending", states)


def run() -> Result:
    figures = rates(
        {
            "ours": _ours,
            "transitions": _transitions,
            "python-statemachine": _statemachine,
            "bare loop": lambda: _bare,
            "lookup alone": lambda: _lookup,
        },
        ROUNDS,
    )
    ours, lookup = figures.pop("ours"), figures.pop("lookup alone")
    detail = {
        "lookup alone": round(lookup, 1),
        "events a round": LIFECYCLES * len(PATH),
        "rounds": ROUNDS,
        "path": list(PATH),
    }
    return Result("step", "events/s", ours, figures, detail)


MACHINE = compile_definition(order())
EVENTS = tuple(Event(name) for name in PATH)


def _ours() -> Callable[[], int]:
    begun = [start(MACHINE, None, instance=str(number)).after for number in range(LIFECYCLES)]

    def drive() -> int:
        history: list[Step] = []
        for first in begun:
            snapshot = first
            for event in EVENTS:
                made = step(MACHINE, snapshot, event)
                history.append(made)  # type: ignore[arg-type]  # checked below, once
                snapshot = made.after  # type: ignore[union-attr]  # likewise
        assert snapshot.ended == "success"
        return len(history)

    return drive


def _lookup() -> int:
    states = MACHINE.regions[0].states
    done = 0
    for _ in range(LIFECYCLES):
        state = "pending"
        for event in EVENTS:
            state = states[state].on[event.name][0].target or state
            done += 1
    return done


def _bare() -> int:
    history: list[tuple[str, str, str]] = []
    for _ in range(LIFECYCLES):
        state = "pending"
        for event in PATH:
            target = TABLE[state][event]
            history.append((state, event, target))
            state = target
    return len(history)


def _transitions() -> Callable[[], int]:
    from transitions import Machine as Peer

    history: list[tuple[str, str, str]] = []

    class Model:
        def note(self, event: Any) -> None:
            history.append((event.transition.source, event.event.name, event.transition.dest))

    model = Model()
    peer = Peer(
        model,
        states=list(TABLE),
        transitions=[[event, source, target] for source, on in TABLE.items() for event, target in on.items()],
        initial="pending",
        auto_transitions=False,
        send_event=True,
        after_state_change="note",
    )

    def drive() -> int:
        for _ in range(LIFECYCLES):
            peer.set_state("pending")
            for event in PATH:
                model.trigger(event)  # type: ignore[attr-defined]  # the peer puts it there
        return len(history)

    return drive


def _statemachine() -> Callable[[], int]:
    from statemachine import State as PeerState
    from statemachine import StateMachine as Peer

    history: list[tuple[str, str, str]] = []
    names = {name: name.replace("-", "_") for name in TABLE}
    states = {name: PeerState(initial=name == "pending", final=not TABLE[name]) for name in TABLE}
    events: dict[str, Any] = {}
    for source, on in TABLE.items():
        for event, target in on.items():
            way = states[source].to(states[target])
            events[event] = events[event] | way if event in events else way

    def after_transition(_: Any, event: str, source: Any, target: Any) -> None:
        history.append((source.id, event, target.id))

    body = {names[name]: state for name, state in states.items()}
    members = {**body, **events, "after_transition": after_transition}
    metaclass: Any = type(Peer)
    peer_class = metaclass("Order", (Peer,), members)
    peers = [peer_class() for _ in range(LIFECYCLES // 20)]  # it is slow: fewer of them say the same

    def drive() -> int:
        for peer in peers:
            for event in PATH:
                peer.send(event)
        return len(history)

    return drive
