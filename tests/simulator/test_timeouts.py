"""Design 4.1 and 5: timeouts arm on entry, fire once, and come after what happens at the same instant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .support import drive, play

LATE = """
initialState: open
states:
  open: {timeout: 30s, timeoutTransition: late, on: {PAY: paid, AGAIN: open, NOTE: {}}}
  late: {timeout: 1m, timeoutTransition: closed, on: {PAY: paid, BACK: open}}
  paid: {on: {BACK: open}}
  closed: {terminal: true, outcome: failure}
"""


@pytest.mark.parametrize(
    ("script", "trail"),
    [
        ("+29.999 +0.001", "open late"),
        ("+30 +59.999 +0.001", "late late closed"),
        ("+1000", "closed"),
        ("+29 AGAIN +29 AGAIN +29 +1", "open open open open open late"),  # re-entry arms anew
        ("+29 NOTE +1", "open open late"),  # an internal transition does not
        ("+29 PAY +1000 BACK +29.999 +0.001", "open paid paid open open late"),
        ("+30 BACK +30", "late open late"),
    ],
)
def test_a_timeout_arms_on_entry_and_anew_at_each_reentry(script: str, trail: str) -> None:
    assert play(drive(LATE), script) == trail


def test_timers_fire_at_their_deadlines_however_time_passes() -> None:
    driver = drive(LATE)
    driver.advance(timedelta(days=1))
    assert [(row["at"], row["event"]) for row in driver.rows[1:]] == [
        (30_000, "$timeout:open"),
        (90_000, "$timeout:late"),
    ]
    assert driver.now == 86_400_000


def test_an_event_right_at_the_deadline_comes_too_late_once_time_was_let_pass() -> None:
    driver = drive(LATE)
    driver.advance(30)
    assert driver.state == "late"


def test_a_timeout_of_nothing_leaves_room_for_events_of_the_same_instant() -> None:
    text = "{initialState: a, states: {a: {timeout: 0, timeoutTransition: b, on: {GO: c}}, b: {}, c: {}}}"
    assert play(drive(text), "GO") == "c"
    assert play(drive(text), "+0 GO") == "b !unexpected"


def test_several_timers_fire_in_order_of_time() -> None:
    driver = drive(
        """
        initialState: outer
        states:
          outer:
            timeout: 20s
            timeoutTransition: end
            initial: one
            states:
              one: {timeout: 5s, timeoutTransition: two}
              two: {timeout: 5s, timeoutTransition: one}
          end: {terminal: true}
        """
    )
    driver.advance(60)
    assert [(row["at"], row["changes"][0]["to"]) for row in driver.rows] == [
        (0, "outer.one"),
        (5_000, "outer.two"),
        (10_000, "outer.one"),
        (15_000, "outer.two"),
        (20_000, "end"),  # two timers at one instant: in the order that `snapshot.due` tells
    ]


def test_a_timer_ring_stops_with_the_time_it_was_given() -> None:
    driver = drive("{initialState: a, states: {a: {timeout: 1s, timeoutTransition: a, on: {X: a}}}}")
    driver.advance(1000)
    assert len(driver.history) == 1001
