"""`start`, `send`, `cancel`, `serve` and a scripted `run`: what they answer, and with which exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.support import DOOR, Cli

Write = Callable[[str], str]
ORDER = ["machines/order.yaml", "--input", "@machines/order/paid.json"]
EVENTS = "VALIDATE,PROCESS_PAYMENT,FULFILL,SHIPPED,DELIVERED"
SHOP = ["--handlers", "machines.order_handlers"]


def started(cli: Cli, *args: str) -> str:
    said = cli("start", *args, "--json")
    assert (said.code, said.err) == (0, "")
    return str(said.json["instance"])


# --- start


def test_start_prints_the_id_and_says_where_it_is(cli: Cli) -> None:
    said = cli("start", "door.yaml")
    assert said.code == 0
    assert said.err == f"{said.out.strip()} is in closed. It accepts OPEN, LOCK.\n"
    document = cli("start", "door.yaml", "--json").json
    assert document.pop("instance").startswith("door-")
    assert document == {"state": "closed", "allowed": ["OPEN", "LOCK"]}


def test_the_same_request_is_the_same_instance(cli: Cli) -> None:
    first = started(cli, "door.yaml", "--request-id", "R", "--input", '{"a": 1}')
    assert started(cli, "door.yaml", "--request-id", "R", "--input", '{"a": 1}') == first
    said = cli("start", "door.yaml", "--request-id", "R", "--input", '{"a": 2}')
    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: R was requested before with other inputs ({first})\n"
    assert cli("start", "door.yaml", "--request-id", "R", "--json").codes == ["request-conflict"]
    assert len(cli("list", "--json").json) == 1


def test_restart_makes_a_successor_of_what_failed(cli: Cli) -> None:
    first = started(cli, "door.yaml", "--request-id", "R")
    assert started(cli, "door.yaml", "--request-id", "R", "--restart") == first
    cli("cancel", first)
    assert started(cli, "door.yaml", "--request-id", "R") == first
    assert started(cli, "door.yaml", "--request-id", "R", "--restart") != first


# --- send


def test_send_answers_what_became_of_the_event(cli: Cli) -> None:
    door = started(cli, "door.yaml")
    said = cli("send", door, "OPEN")
    assert (said.code, said.err) == (0, "")
    assert said.out == f"OPEN: accepted. {door} is in open. It accepts CLOSE.\n"
    document = cli("send", door, "CLOSE", "--json").json
    assert document == {
        "instance": door,
        "event": "CLOSE",
        "disposition": "accepted",
        "seq": 3,
        "state": "closed",
        "allowed": ["OPEN", "LOCK"],
        "notes": [],
    }
    assert cli("send", door, "LOCK", "--data", '{"code": 42}').out == f"LOCK: accepted. {door} ended in locked.\n"


def test_a_rejected_event_ends_with_1_the_reason_and_what_is_allowed(cli: Cli) -> None:
    door = started(cli, "door.yaml")
    said = cli("send", door, "CLOSE")
    assert (said.code, said.out) == (1, "")
    assert said.err == "CLOSE was rejected (unexpected): closed does not accept it; allowed now: OPEN, LOCK\n"
    said = cli("send", door, "CLOSE", "--json")
    assert (said.code, said.err) == (1, "")
    assert said.json == {
        "instance": door,
        "event": "CLOSE",
        "disposition": "rejected",
        "reason": "unexpected",
        "message": "closed does not accept it",
        "allowed": ["OPEN", "LOCK"],
        "faults": [],
        "hint": None,
    }
    assert len(cli("history", door, "--json").json) == 1


@pytest.mark.parametrize(
    ("event", "hint"),
    [("OPNE", "did you mean OPEN?"), ("open", "did you mean OPEN?"), ("EXPLODE", "door has no event EXPLODE")],
)
def test_an_unknown_event_comes_with_advice(event: str, hint: str, cli: Cli) -> None:
    door = started(cli, "door.yaml")
    said = cli("send", door, event)
    assert said.code == 1
    assert said.err.endswith(f"\n    {hint}\n")
    assert cli("send", door, event, "--json").json["hint"] == hint


def test_a_guard_that_fails_is_a_reason_and_a_fault_is_told(cli: Cli) -> None:
    door = started(cli, "door.yaml")
    assert "rejected (guard)" in cli("send", door, "LOCK", "--data", '{"code": 1}').err
    cli("cancel", door)
    assert "rejected (terminal)" in cli("send", door, "OPEN").err
    assert "rejected (terminal)" in cli("cancel", door).err


def test_the_same_key_is_the_same_event(cli: Cli) -> None:
    door = started(cli, "door.yaml")
    assert "accepted" in cli("send", door, "OPEN", "--key", "K").out
    assert "duplicate" in cli("send", door, "OPEN", "--key", "K").out
    assert cli("send", door, "OPEN", "--key", "K", "--json").json["disposition"] == "duplicate"
    said = cli("send", door, "OPEN", "--key", "K", "--data", '{"a": 1}', "--json")
    assert (said.code, said.codes) == (2, ["key-conflict"])
    assert len(cli("history", door, "--json").json) == 2


def test_cancel_ends_an_instance(cli: Cli) -> None:
    door = started(cli, "door.yaml")
    said = cli("cancel", door, "--now")
    assert said.code == 0
    assert said.out.startswith(f"$cancel: accepted. {door} ended in $cancelled.")


# --- with and without handlers


def test_without_handlers_calls_stay_open_and_events_wait_for_actions(cli: Cli, handlers: Write) -> None:
    said = cli("start", "greeter.yaml")
    greeter = said.out.strip()
    assert said.err == f"{greeter} is in fresh, waiting for greet. Then it accepts BYE.\n"
    said = cli("send", greeter, "BYE")
    assert (said.code, said.out) == (1, "")
    assert "rejected (busy): greet is still running" in said.err
    assert "statewf serve --handlers MODULE --until-idle; or send with --handlers" in said.err
    assert "serve" in cli("send", greeter, "BYE", "--json").json["hint"]
    said = cli("send", greeter, "BYE", "--handlers", handlers("def greet(call): return {'hello': call.inputs}"))
    assert (said.code, said.err) == (0, "")
    assert said.out == f"BYE: accepted. {greeter} ended in gone.\n"


def test_send_with_handlers_performs_first_what_is_open(cli: Cli) -> None:
    order = started(cli, *ORDER)
    assert "waiting for check-order" in cli("send", order, "VALIDATE").out
    said = cli("send", order, "PROCESS_PAYMENT", *SHOP)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"PROCESS_PAYMENT: accepted. {order} is in paid. It accepts FULFILL.\n"


def test_serve_performs_what_is_open_and_stops_when_idle(cli: Cli) -> None:
    orders = [started(cli, *ORDER) for _ in range(3)]
    for order in orders:
        cli("send", order, "VALIDATE")
    said = cli("serve", *SHOP, "--until-idle")
    assert said.code == 0
    assert said.err == "serving statewf.db: 3 instances with open calls; Ctrl-C ends it\n"
    for order in orders:
        assert any(order in line and "validating → validated" in line for line in said.out.splitlines())
        assert cli("show", order, "--json").json["state"] == "validated"


def test_serve_leaves_alone_what_its_handlers_do_not_know(cli: Cli, handlers: Write) -> None:
    greeter = started(cli, "greeter.yaml")
    said = cli("serve", "--handlers", handlers("def other(call): ..."), "--until-idle")
    assert said.code == 0
    assert f"warning: {greeter} waits for greet, which no handler answers to\n" in said.err


@pytest.mark.parametrize("verb", ["run", "start", "send", "cancel"])
def test_handlers_that_are_missing_are_all_listed_and_nothing_waits_for_them(
    verb: str, cli: Cli, handlers: Write
) -> None:
    order = started(cli, *ORDER)
    args = {"run": ORDER, "start": ORDER, "send": [order, "VALIDATE"], "cancel": [order]}[verb]
    said = cli(verb, *args, "--handlers", handlers("def other(call): ..."), "--json")
    assert (said.code, said.err) == (2, "")
    assert said.codes == ["missing-handler", "missing-handler"]
    assert "check-order" in said.json["errors"][0]["message"]
    assert "charge-payment" in said.json["errors"][1]["message"]
    assert [card["state"] for card in cli("list", "--json").json] == ["pending"]


def test_a_run_without_handlers_says_how_to_give_them(cli: Cli) -> None:
    said = cli("run", *ORDER, "--events", EVENTS)
    assert said.code == 2
    assert said.err.count("[missing-handler]") == 2
    assert said.err.count("--handlers MODULE says where they are") == 2
    assert cli("run", "door.yaml", "--events", "").code == 1  # a machine that calls nothing needs none


# --- run


def test_run_drives_an_order_to_its_end(cli: Cli) -> None:
    said = cli("run", *ORDER, *SHOP, "--events", EVENTS)
    assert (said.code, said.err) == (0, "")
    first, *steps, last = said.out.splitlines()
    order = first.split()[0]
    assert first == f"{order}  started"
    assert last == f"{order}  ended in delivered (success)"
    assert [line.split()[1] for line in steps] == [
        *("$start", "VALIDATE", "VALIDATION_SUCCESS", "PROCESS_PAYMENT", "PAYMENT_SUCCESS"),
        *("FULFILL", "SHIPPED", "DELIVERED"),
    ]
    assert "validating → validated  check-order: " in steps[2]


def test_run_as_json_is_the_outcome(cli: Cli) -> None:
    said = cli("run", *ORDER, *SHOP, "--events", EVENTS, "--json")
    assert (said.code, said.err) == (0, "")
    assert (said.json["state"], said.json["success"], said.json["rejected"]) == ("delivered", True, [])
    assert [event["event"] for event in said.json["emitted"]] == ["Order.paid", "Order.shipped"]
    assert said.json["history"] == cli("history", said.json["instance"], "--json").json


def test_run_tells_a_failure_by_1(cli: Cli) -> None:
    said = cli("run", "machines/order.yaml", "--input", "@machines/order/declined.json", *SHOP, "--events", EVENTS)
    assert said.code == 1
    assert said.out.splitlines()[-1].endswith("ended in payment-failed (failure)")
    assert said.out.count("PAYMENT_FAILED") == 3
    assert said.err.count("was rejected (terminal)") == 3


def test_run_goes_on_with_the_same_request(cli: Cli) -> None:
    request = [*ORDER, *SHOP, "--request-id", "ORD-1001"]
    said = cli("run", *request, "--events", "VALIDATE")
    assert said.code == 1
    order = said.out.split()[0]
    assert said.err == f"{order} is still in validated; it accepts PROCESS_PAYMENT\n"
    said = cli("run", *request, "--events", "PROCESS_PAYMENT,FULFILL,SHIPPED,DELIVERED")
    assert said.code == 0
    assert said.out.startswith(f"{order}  goes on from validated\n")
    assert "$start" not in said.out
    again = cli("run", *request, "--events", "", "--json")
    assert (again.code, again.json["instance"], again.json["state"]) == (0, order, "delivered")


def test_run_shows_its_own_instance_only(cli: Cli) -> None:
    other = started(cli, *ORDER)
    cli("send", other, "VALIDATE")
    said = cli("run", *ORDER, *SHOP, "--events", EVENTS)
    assert said.code == 0
    assert other not in said.out
    assert said.out.count("VALIDATION_SUCCESS") == 1
    assert len(said.out.splitlines()) == 10


def test_run_waits_for_a_retry_that_is_put_off(cli: Cli, handlers: Write) -> None:
    Path("shaky.yaml").write_text("""
name: shaky
initialState: trying
states:
  trying:
    invoke: {handler: attempt, onDone: reached, onError: lost}
    retry: {maxAttempts: 3, on: $error, baseDelay: 100}
  reached: {on: {CLOSE: closed}}
  lost: {terminal: true, outcome: failure}
  closed: {terminal: true}
""")
    flaky = handlers("def attempt(call):\n    if call.attempt < 3: raise OSError('not yet')\n    return {}")
    said = cli("run", "shaky.yaml", "--handlers", flaky, "--events", "CLOSE", "--json")
    assert (said.code, said.json["state"], said.json["rejected"]) == (0, "closed", [])


def test_a_run_may_be_of_an_earlier_machine(cli: Cli) -> None:
    cli("run", "door.yaml", "--request-id", "R", "--events", "OPEN")
    Path("door.yaml").write_text(DOOR.replace("open:", "ajar:").replace("OPEN: open", "OPEN: ajar"))
    said = cli("run", "door.yaml", "--request-id", "R", "--events", "CLOSE,LOCK")
    assert "goes on from open" in said.out
    assert "open → closed" in said.out
