"""Design 4.1: `retry` with and without a waiting state, its counter, its delays, and its last attempt."""

from __future__ import annotations

from typing import Any

import pytest

from statewf.errors import NonRetryable

from .support import Recorder, drive, play

AT_ONCE = """
initialState: pay
states:
  pay:
    retry: {maxAttempts: 3, on: FAILED}
    timeout: 10s
    timeoutTransition: late
    onEntry: {type: assign, set: {entries: "(context.entries ?? 0) + 1", seen: attempt}}
    onExit: {type: emit, event: Left}
    on:
      FAILED:
        - {target: odd, guard: "event.data.odd"}
        - {target: failed, actions: {type: emit, event: GaveUp}}
      OTHER: away
      AGAIN: pay
      SHOW: {actions: {type: assign, set: {shown: attempt}}}
  odd: {terminal: true}
  away: {on: {BACK: pay}}
  late: {terminal: true}
  failed: {terminal: true, outcome: failure}
"""


def attempts(rows: list[dict[str, Any]]) -> list[int]:
    return [change["attempt"] for row in rows for change in row["changes"] if change["to"] == "pay"]


@pytest.mark.parametrize(
    ("script", "trail", "counted"),
    [
        ("FAILED FAILED FAILED", "pay pay failed", [1, 2, 3]),
        ('FAILED:{"odd":true} FAILED FAILED:{"odd":true}', "pay pay odd", [1, 2, 3]),
        ("FAILED FAILED OTHER BACK FAILED FAILED FAILED", "pay pay away pay pay pay failed", [1, 2, 3, 1, 2, 3]),
        ("FAILED FAILED AGAIN FAILED FAILED FAILED", "pay pay pay pay pay failed", [1, 2, 3, 1, 2, 3]),
        ("FAILED SHOW FAILED SHOW", "pay pay pay pay", [1, 2, 3]),
    ],
)
def test_entered_again_until_the_last_attempt_then_the_event_has_its_own_target(
    script: str, trail: str, counted: list[int]
) -> None:
    driver = drive(AT_ONCE)
    assert play(driver, script) == trail
    assert attempts(driver.rows) == counted


def test_a_retry_merges_data_and_runs_exit_and_entry_actions_but_not_those_of_the_transition() -> None:
    driver = drive(AT_ONCE)
    driver.send("FAILED", {"code": 51})
    assert driver.context == {"entries": 2, "seen": 2, "code": 51}
    assert [told.event for told in driver.emitted] == ["Left"]
    play(driver, "FAILED FAILED")
    assert [told.event for told in driver.emitted] == ["Left", "Left", "Left", "GaveUp"]


def test_guards_and_actions_see_the_attempt() -> None:
    driver = drive(AT_ONCE)
    play(driver, "FAILED SHOW")
    assert driver.context["shown"] == 2


def test_a_retry_arms_the_timeout_anew() -> None:
    assert play(drive(AT_ONCE), "+9 FAILED +9 FAILED +9.999 +0.001") == "pay pay pay pay pay late"


def test_every_attempt_but_the_first_is_the_same_visit() -> None:
    driver = drive(AT_ONCE)
    visits = [driver.snapshot.regions[0][2]]
    for word in ("FAILED", "FAILED", "OTHER", "BACK"):
        play(driver, word)
        visits.append(driver.snapshot.regions[0][2])
    assert visits == [1, 1, 1, 2, 3]


WAITING = """
initialState: ship
states:
  ship:
    retry: {maxAttempts: %(most)d, on: [FAILED, LOST], %(delay)s}
    timeout: 1h
    timeoutTransition: late
    onExit: {type: emit, event: Left}
    always: {target: odd, guard: "context.odd"}
    on: {FAILED: failed, LOST: failed, SHIPPED: shipped, NOTE: {actions: {type: emit, event: Noted}}, AGAIN: ship}
  odd: {on: {BACK: ship}}
  late: {terminal: true}
  shipped: {terminal: true}
  failed: {terminal: true, outcome: failure}
"""


@pytest.mark.parametrize(
    ("delay", "waits"),
    [
        ("baseDelay: 2s", [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]),
        ("backoff: exponential", [1_000, 2_000, 4_000, 8_000, 16_000, 30_000]),
        ("backoff: exponential, baseDelay: 3s, maxDelay: 10s", [3_000, 6_000, 10_000, 10_000]),
        ("backoff: linear", [1_000, 2_000, 3_000, 4_000]),
        ("backoff: linear, baseDelay: 20s", [20_000, 30_000, 30_000]),
        ("backoff: linear, baseDelay: 20s, maxDelay: 50s", [20_000, 40_000, 50_000, 50_000]),
        ("backoff: constant, baseDelay: 250", [250, 250, 250]),
        ("baseDelay: 0", [0, 0]),
    ],
)
def test_delays_grow_as_told_up_to_the_longest(delay: str, waits: list[int]) -> None:
    driver = drive(WAITING % {"most": 9, "delay": delay})
    measured = []
    for attempt in range(2, len(waits) + 2):
        before = driver.now
        driver.send("FAILED")
        assert driver.state == "ship.$backoff"
        driver.advance(60)
        assert driver.history[-1].moves[-1].attempt == attempt
        measured.append(driver.snapshot.at - before)
    assert measured == waits


def test_jitter_lies_within_the_delay_and_is_the_same_on_every_replay() -> None:
    definition = WAITING % {"most": 50, "delay": "baseDelay: 2s, backoff: constant, jitter: full"}

    def waits() -> list[int]:
        driver = drive(definition)
        for _ in range(49):
            play(driver, "FAILED +2")
        return [row["at"] - 2_000 * i for i, row in enumerate(driver.rows[2::2])]

    measured = waits()
    assert all(0 <= wait < 2_000 for wait in measured)
    assert len(set(measured)) > 40
    assert measured == waits()


@pytest.mark.parametrize(
    ("script", "trail"),
    [
        ("FAILED +1", "ship.$backoff ship"),
        ("FAILED +1 LOST +2 FAILED", "ship.$backoff ship ship.$backoff ship failed"),
        ("FAILED FAILED LOST +0.999 +0.001", "ship.$backoff !unexpected !unexpected ship.$backoff ship"),
        ("FAILED SHIPPED", "ship.$backoff shipped"),  # the other events still hold
        ("FAILED NOTE +0.5 NOTE +0.5", "ship.$backoff ship.$backoff ship.$backoff ship.$backoff ship"),
        ("FAILED AGAIN +5", "ship.$backoff ship ship"),
        ("FAILED cancel", "ship.$backoff $cancelled"),
        ('FAILED:{"odd":true} +1', "ship.$backoff odd"),  # data is merged; `always` holds in the state only
    ],
)
def test_between_attempts_all_but_the_retried_events_hold(script: str, trail: str) -> None:
    driver = drive(WAITING % {"most": 3, "delay": "baseDelay: 1s"})
    assert play(driver, script) == trail


def test_no_timeout_runs_between_attempts_and_leaving_happens_once() -> None:
    driver = drive(WAITING % {"most": 3, "delay": "baseDelay: 3h, maxDelay: 3h"})
    assert play(driver, "FAILED +7200 SHIPPED") == "ship.$backoff ship.$backoff shipped"
    assert [told.at for told in driver.emitted] == [0]  # left when the wait began, not once more


def test_leaving_the_wait_forgets_the_timer_and_the_counter() -> None:
    driver = drive(WAITING % {"most": 3, "delay": "baseDelay: 1s"})
    play(driver, "FAILED +1 FAILED AGAIN")
    assert (driver.state, driver.history[-1].moves[-1].attempt) == ("ship", 1)
    assert list(driver.snapshot.flight.deadlines) == [("main", "$timeout:ship")]
    play(driver, "+0.5 FAILED +1 FAILED +2 FAILED")
    assert driver.state == "failed"


def test_allowed_tells_what_holds_between_attempts() -> None:
    driver = drive(WAITING % {"most": 3, "delay": "baseDelay: 1s"})
    play(driver, "FAILED")
    assert driver.allowed == ("SHIPPED", "NOTE", "AGAIN")


INVOKED = """
initialState: charge
states:
  charge:
    retry: {maxAttempts: 3, on: $error%s}
    invoke: {handler: gateway, onDone: paid, onError: [{target: fraud, guard: "event.data.error === 'Fraud'"}, broke]}
  paid: {terminal: true}
  broke: {terminal: true, outcome: failure}
  fraud: {terminal: true, outcome: failure}
"""


@pytest.mark.parametrize(
    ("delay", "script", "trail"),
    [
        ("", "<!Down <!Down <!Down", "charge charge broke"),
        ("", "<!Down <!Down <!Fraud", "charge charge fraud"),
        ("", "<!Fraud <", "charge paid"),  # guards of the transition are not asked before the last attempt
        (", baseDelay: 1s", "<!Down +1 <!Down +2 <", "charge.$backoff charge charge.$backoff charge paid"),
    ],
)
def test_a_failed_invoke_is_retried(delay: str, script: str, trail: str) -> None:
    driver = drive(INVOKED % delay)
    assert play(driver, script) == trail


def test_attempts_of_one_visit_have_one_key() -> None:
    log = Recorder()
    driver = drive(INVOKED % ", baseDelay: 1s", gateway=log.handler(OSError("down"), OSError("down"), {"ok": True}))
    driver.advance(3)
    assert driver.state == "paid"
    assert [work.attempt for work in log.calls] == [1, 2, 3]
    assert {work.key for work in log.calls} == {"local/main/1"}


def test_a_failure_that_cannot_be_retried_skips_the_remaining_attempts() -> None:
    driver = drive(INVOKED % "", gateway=Recorder().handler(NonRetryable("card stolen")))
    # Disagreement with design 6: step._answer pulls $error and does not look at Failed.retryable,
    # so the machine makes all three attempts.
    assert [move.target for move in driver.history[-1].moves] == ["broke"]
    assert len(driver.history) == 2
