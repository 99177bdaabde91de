"""Scripts that go as written, and those that do not: what is told of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

import statewf as wf
from statewf.testing.playbook import (
    Asked,
    Called,
    Cancel,
    Decide,
    Emitted,
    Fail,
    Found,
    InState,
    Knows,
    Playbook,
    Refused,
    Reply,
    Send,
    Wait,
    playbook,
)
from tests.runtime.support import machine

ORDER = machine("""
name: order
initialState: open
states:
  open: {on: {PAY: {target: paying, guard: event.data.sum > 0}}}
  paying: {invoke: {handler: charge, params: {to: bank}, onDone: paid, onError: open}, timeout: 1m, timeoutTransition: open}
  paid: {onEntry: [{type: function, handler: thank}, {type: emit, event: Order.paid, data: {thanks: [1]}}], on: {SHIP: shipped}}
  shipped: {terminal: true}
""")
TRIP = machine("""
name: trip
steps:
  - {id: book, retryPolicy: {maxAttempts: 2, baseDelay: 10s}}
  - {id: sign, type: human-task, assignTo: ann}
""")


def test_a_script_of_a_state_machine() -> None:
    assert (
        playbook(ORDER, {"order": 7})
        << InState("open")
        >> Send("SHIP")
        << Refused("unexpected")
        >> Send("PAY", {"sum": 0})
        << Refused()
        >> Send("PAY", {"sum": 30})
        << Called("charge", {"to": "bank"})
        >> Wait("59s")
        << InState("paying")
        >> Wait(timedelta(seconds=1))
        << InState("open")
        >> Send("PAY", {"sum": 31})
        << Called("charge")
        >> Fail("OSError", "down")
        << InState("open")
        >> Send("PAY", {"sum": 32})
        << Called("charge")
        >> Reply({"receipt": 1})
        << Called("thank")
        << Emitted("Order.paid", {"thanks": [1]})
        << Knows({"receipt": 1, "order": 7})
        >> Send("SHIP")
        << InState("shipped")
        >> Cancel()
        << Refused("terminal")
    )


def test_a_script_of_a_workflow() -> None:
    assert (
        playbook(TRIP)
        << Called("book")
        >> Fail("OSError", handler="book")
        << InState("backoff", step="book")
        >> Wait(10_000)
        << Called("book")
        >> Reply({"seat": "2A"})
        << Asked("sign", "ann")
        << Found({"book": {"seat": "2A"}})
        >> Decide("sign", "approved", by="ann")
        << Emitted("HumanTask.completed")
        << InState("completed")
    )


def test_given_handlers_are_called_and_their_calls_told_all_the_same() -> None:
    charge = {"charge": lambda _: {"receipt": 2}}
    script = playbook(ORDER, handlers=charge) >> Send("PAY", {"sum": 1}) << Called("charge") << Called("thank")
    assert script << InState("paid")
    assert script.driver.context["receipt"] == 2


PAYING = "playbook(order, {})\n>> Send('PAY', data={'sum': 1})  # paying\n"
WRONG: dict[str, tuple[Callable[[Playbook], object], str]] = {
    "another state": (
        lambda script: script >> Send("PAY", {"sum": 1}) << Called("charge") << InState("paid"),
        PAYING + "<< Called('charge')\n<< InState('paid')\nexpected paid\n     got paying",
    ),
    "a call that was not told": (
        lambda script: script >> Send("PAY", {"sum": 1}) << InState("paying") >> Wait("1m"),
        PAYING
        + '<< InState(\'paying\')\nexpected no more calls, or << Called(...)\n     got a call of charge with {"to":"bank"}',
    ),
    "a call at the end": (
        lambda script: bool(script >> Send("PAY", {"sum": 1})),
        PAYING + 'expected no more calls, or << Called(...)\n     got a call of charge with {"to":"bank"}',
    ),
    "another call": (
        lambda script: script >> Send("PAY", {"sum": 1}) << Called("charge", {"to": "mint"}),
        PAYING
        + "<< Called('charge', params={'to': 'mint'})\nexpected that next\n     got a call of charge with {\"to\":\"bank\"}",
    ),
    "no call": (
        lambda script: script << Called("charge"),
        "playbook(order, {})\n<< Called('charge')\nexpected that next\n     got nothing more",
    ),
    "a refusal": (
        lambda script: script >> Send("SHIP") >> Wait("1s"),
        (
            "playbook(order, {})\n>> Send('SHIP')  # open\nexpected that it is not refused, or << Refused()\n"
            "     got SHIP was rejected (unexpected): open does not accept it; allowed now: PAY"
        ),
    ),
    "another refusal": (
        lambda script: script >> Send("SHIP") << Refused("guard"),
        (
            "playbook(order, {})\n>> Send('SHIP')  # open\n<< Refused('guard')\nexpected the reason guard\n"
            "     got SHIP was rejected (unexpected): open does not accept it; allowed now: PAY"
        ),
    ),
    "no refusal": (
        lambda script: script >> Wait("1s") << Refused(),
        (
            "playbook(order, {})\n>> Wait('1s')  # open\n<< Refused()\nexpected that it is refused\n"
            "     got it was not, and is in open"
        ),
    ),
    "nothing emitted": (
        lambda script: script << Emitted("Order.paid"),
        "playbook(order, {})\n<< Emitted('Order.paid')\nexpected that among others\n     got nothing of this kind",
    ),
    "other data": (
        lambda script: (
            script
            >> Send("PAY", {"sum": 1})
            << Called("charge")
            >> Reply()
            << Called("thank")
            << Emitted("Order.paid", 1)
        ),
        PAYING + "<< Called('charge')\n>> Reply()  # paid\n<< Called('thank')\n<< Emitted('Order.paid', data=1)\n"
        'expected that among others\n     got Order.paid {"thanks":[1]}',
    ),
    "another value": (
        lambda script: script >> Send("PAY", {"sum": 1}) << Knows({"sum": 2}),
        PAYING + "<< Knows({'sum': 2})\nexpected sum = 2\n     got 1",
    ),
    "no value": (
        lambda script: script << Knows({"sum": None}),
        "playbook(order, {})\n<< Knows({'sum': None})\nexpected sum = null\n     got no sum",
    ),
    "what cannot be": (
        lambda script: script >> Reply({"receipt": 1}),
        "playbook(order, {})\n>> Reply({'receipt': 1})\nexpected something that can happen\n     got no call is open in open",
    ),
    "no step": (
        lambda script: script << InState("running", step="buy"),
        "playbook(order, {})\n<< InState('running', step='buy')\nexpected running\n     got no step buy",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_with_the_script_so_far(what: str) -> None:
    play, told = WRONG[what]
    with pytest.raises(AssertionError) as caught:
        play(playbook(ORDER))
    assert str(caught.value) == f"the script does not go on as written:\n   {told}"


def test_a_task_of_somebody_else() -> None:
    script = playbook(TRIP) << Called("book") >> Reply() << Asked("sign")
    with pytest.raises(AssertionError, match="got nothing of this kind"):
        script << Asked("sign")
    with pytest.raises(AssertionError, match='got a task of sign for "ann"'):
        playbook(TRIP) << Called("book") >> Reply() << Asked("sign", "bob")


def test_what_was_emitted_before_the_last_happening_is_gone() -> None:
    script = playbook(ORDER, handlers={"charge": lambda _: {}}) >> Send("PAY", {"sum": 1}) << Called("charge")
    with pytest.raises(AssertionError, match="expected that among others\n     got nothing of this kind"):
        script << Called("thank") >> Wait("1s") << Emitted("Order.paid")


def test_an_answer_may_be_an_event() -> None:
    driven = machine("initialState: a\nstates: {a: {invoke: ask, on: {YES: b}}, b: {terminal: true}}")
    assert playbook(driven) << Called("ask") >> Reply(wf.Event("YES")) << InState("b")
