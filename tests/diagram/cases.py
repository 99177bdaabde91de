"""The machines that the tests of pictures look at, and the way to drive an instance of one."""

from __future__ import annotations

import json
from collections.abc import Sequence

import attrs
from hypothesis import strategies as st

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
from statewf.machine.events import AnyEvent, Cancel, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, Step, blank, due
from statewf.machine.step import step
from statewf.values.frozen import Object, freeze_object

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


def drive(machine: Machine, *events: str, **inputs: object) -> list[Step]:
    """The steps of an instance that takes these events; `$done`, `$failed`, `$timer` and `$cancel` happen to it."""
    steps: list[Step] = []
    snapshot = blank(machine, "i1")
    for name in ("$start", *events):
        made = step(machine, snapshot, _event(machine, name, snapshot, freeze_object(inputs, "inputs")))
        assert isinstance(made, Step), made
        steps.append(made)
        snapshot = made.after
    return steps


def _event(machine: Machine, name: str, snapshot: Snapshot, inputs: Object) -> AnyEvent:
    match name:
        case "$start":
            return Start(inputs)
        case "$done":
            return Returned(max(snapshot.flight.calls))
        case "$failed":
            return Failed(max(snapshot.flight.calls), "Oops", "no")
        case "$timer":
            at, region, timer = due(machine, snapshot)[0]
            return Fired(region, timer, at)
        case "$cancel":
            return Cancel()
        case _:
            return Event(name)


# --- names that would break a text if they were not escaped

HOSTILE = (
    *("end", "state", "class", "default", "note", "direction", "fork", "[*]", "digraph", "node", "edge", "strict"),
    *('"', "'", "\\", "a\\", '\\"', "\\N", "\\n", "\\l", "a b", " a ", "a-b", "v1.2", "1", "-1", "1. one", "- x"),
    *("<b>", "<BR>", "a > b", "&", "&amp;", "&#59;", "#59;", "#", "a:b", "a::b", "a;b", "%%", "%% x", "{", "}"),
    *("{}", "[a]", "a-->b", "a->b", "->", "--", "<<choice>>", "`a`", "**a**", "__init__", "_a_", "~~x~~", "x$$y$$"),
    *("|", "||", "]]>", "<!--", "as x", "click s0", "classDef a fill:#f00", "js:alert(1)", "<script>alert(1)"),
    *("été", "日本語", "注文", "😀", "🏳️🌈", "עברית", "ﬂ", "n" * 90, "word " * 15 + "end"),
)
words = st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=12).filter(
    lambda text: (
        text.isprintable()
        and bool(text.strip())
        and text[0] != "$"
        and "/" not in text
        and text not in (".", "..")
        and text != "workflow"
    )
)


def hostile(listed: Sequence[str]) -> StateMachine:
    """A machine whose every text is one of these four, with each kind of edge and box."""
    first, last, outer, inner = (f"{n}{word}" if n else word for n, word in zip((0, 1, 2, 3), listed, strict=True))
    guard = f"context.text === {json.dumps(listed[1], ensure_ascii=False)}"
    way = Transition(outer, guard=guard, actions=(Emit(listed[2]), Assign({listed[3]: guard})))
    return StateMachine(
        listed[0],
        first,
        {
            first: State(
                {listed[0]: way, listed[1]: Transition(actions=Function(listed[2]))},
                on_entry=Function(listed[3]),
                invoke=Invoke(listed[0], on_done=last),
            ),
            outer: State(
                {listed[2]: f"{outer}.{inner}", listed[3]: outer},
                timeout=1,
                timeout_transition=last,
                on_exit=Emit(listed[1]),
                initial=inner,
                states={inner: State({listed[0]: outer}, retry=Retry(2, listed[1], base_delay=1))},
            ),
            last: FAILURE,
        },
    )


hostiles = st.lists(words, min_size=4, max_size=4).map(hostile)
