"""What local states are called, and what people are told of that."""

from __future__ import annotations

import pytest

from statewf.machine.naming import base, known, newly, spelled, tried, waiting, waits

NAMES = [
    # the local state       known as        its wait               spelled out
    ("a", "a", "a.$backoff", "a"),
    ("a.b+a.c", "a.b+a.c", "a.b+a.c.$backoff", "a.b+a.c"),
    ("a.$h=b", "a", "a.$backoff.$h=b", "a (h=b)"),
    ("a.$h=b, then E", "a", "a.$backoff.$h=b, then E", "a (h=b, then E)"),
    ("running.$failing", "running", "running.$backoff.$failing", "running (failing)"),
    ("a.$backoffs", "a", "a.$backoff.$backoffs", "a (backoffs)"),
]


@pytest.mark.parametrize(("local", "state", "wait", "text"), NAMES)
def test_a_local_state_and_the_wait_between_its_attempts(local: str, state: str, wait: str, text: str) -> None:
    assert (known(local), base(local), spelled(local)) == (state, state, text)
    assert (waiting(local), tried(local)) == (wait, local)
    assert not waits(local)
    assert waits(wait)
    assert (known(wait), base(wait), tried(wait)) == (f"{state}.$backoff", state, local)
    assert spelled(wait) == text.replace(state, f"{state}.$backoff", 1)


def test_taking_a_turn_enters_nothing_and_coming_back_to_the_same_does() -> None:
    assert newly("waiting", "running") == ("running",)
    assert newly("running", "running") == ("running",)
    assert newly("running", "running.$failing") == ()
    assert newly("running.$failing", "running") == ()
    assert newly("cancelling.$late", "failed") == ("failed",)
