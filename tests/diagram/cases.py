"""The machines that the tests of pictures look at, and the way to drive an instance of one."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from statewf.compiler import compile_definition
from statewf.definition.model import (
    Assign,
    Emit,
    Function,
    Invoke,
    Retry,
    State,
    StateMachine,
    Transition,
)
from statewf.machine.events import AnyEvent, Event, Start
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step, blank
from statewf.machine.step import step
from statewf.values.frozen import EMPTY

FAILURE = State(terminal=True, outcome="failure")
SUCCESS = State(terminal=True)

ORDER = StateMachine(
    "order",
    "pending",
    {
        "pending": State({"VALIDATE": "validating", "CANCEL": "cancelled"}),
        "validating": State(
            {"VALIDATION_SUCCESS": "validated", "VALIDATION_FAILED": "validation-failed"},
            timeout=30_000,
            timeout_transition="validation-failed",
        ),
        "validated": State({"PROCESS_PAYMENT": "processing-payment"}),
        "processing-payment": State(
            {"PAYMENT_SUCCESS": "paid", "PAYMENT_FAILED": "payment-failed"}, retry=Retry(3, "PAYMENT_FAILED")
        ),
        "paid": State({"FULFILL": "fulfilling"}),
        "fulfilling": State({"SHIPPED": "shipped", "FULFILLMENT_FAILED": "fulfillment-failed"}),
        "shipped": State({"DELIVERED": "delivered", "RETURN_REQUESTED": "returning"}),
        "returning": State({"RETURNED": "returned"}),
        "returned": SUCCESS,
        "delivered": SUCCESS,
        "cancelled": FAILURE,
        "validation-failed": FAILURE,
        "payment-failed": FAILURE,
        "fulfillment-failed": State({"RETRY": "fulfilling"}),
    },
)

DELAYED = attrs.evolve(  # the same, with a wait between two attempts to pay
    ORDER,
    states={
        **ORDER.states,
        "processing-payment": attrs.evolve(
            ORDER.states["processing-payment"], retry=Retry(3, "PAYMENT_FAILED", base_delay="2s")
        ),
    },
)

CHECKOUT = StateMachine(
    "checkout",
    "basket",
    {
        "basket": State(
            {
                "NOTE": Transition(actions=Assign({"note": "event.data.text"})),
                "PAY": Transition("payment", guard="inputs.total > 0", actions=Function("reserve-stock")),
            },
            on_entry=Emit("Basket.opened"),
        ),
        "payment": State(
            {"CANCEL": "cancelled", "RESET": "payment.asking", "START_OVER": "payment"},
            timeout="2h",
            timeout_transition="cancelled",
            on_exit=Function("close-basket"),
            initial="asking",
            states={
                "asking": State({"CARD": "charging"}, on_entry=Function("ask")),
                "charging": State(
                    {"BACK": "payment"},
                    invoke=Invoke("charge", on_done="paid", on_error="cancelled"),
                    retry=Retry(4, "$error", backoff="exponential", base_delay="1s"),
                ),
            },
        ),
        "paid": SUCCESS,
        "cancelled": FAILURE,
    },
)


def compiled(definition: StateMachine) -> Machine:
    return compile_definition(definition)


def drive(machine: Machine, events: Sequence[str | AnyEvent]) -> list[Step]:
    """The steps of an instance that takes these events, from the start."""
    steps: list[Step] = []
    snapshot = blank(machine, "i1")
    for event in (Start(EMPTY), *events):
        made = step(machine, snapshot, Event(event) if isinstance(event, str) else event)
        assert isinstance(made, Step), made
        steps.append(made)
        snapshot = made.after
    return steps
