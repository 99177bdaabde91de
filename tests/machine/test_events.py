"""What may be the name and the key of an event; everything else about events is a law of `step`."""

from __future__ import annotations

from typing import Any

import pytest

from statewf.errors import DataError
from statewf.machine.events import (
    LONGEST_NAME,
    AnyEvent,
    CallId,
    Cancel,
    Decided,
    Event,
    Failed,
    Fired,
    Returned,
    Start,
)
from statewf.values.frozen import EMPTY


@pytest.mark.parametrize("name", ["", "$failed", "$", "a\nb", "\ud800", "x" * (LONGEST_NAME + 1), 5, None, b"GO"])
def test_what_is_no_name(name: Any) -> None:
    with pytest.raises(DataError, match="bad-event-name"):
        Event(name)


@pytest.mark.parametrize("name", ["GO", "order paid", "a.b/c", "größe", "支払い", "x" * LONGEST_NAME])
def test_what_is_a_name(name: str) -> None:
    assert Event(name).name == name


@pytest.mark.parametrize(("key", "code"), [(7, "not-text"), ("\udcff", "not-unicode")])
def test_what_is_no_key(key: Any, code: str) -> None:
    with pytest.raises(DataError, match=code):
        Event("GO", key=key)


CALL = CallId(1, 0)


@pytest.mark.parametrize(
    "event",
    [
        Event("GO"),
        Start(EMPTY),
        Returned(CALL),
        Failed(CALL, "Oops", "no"),
        Fired("main", "$timeout:a"),
        Decided("i/t/1", "approved"),
        Cancel(),
    ],
)
def test_what_says_no_more_happens_at_once(event: AnyEvent) -> None:
    """So that time stands still where nobody gives any."""
    assert event.at == 0


def test_what_says_no_more_gives_up_nothing() -> None:
    assert Failed(CALL, "Oops", "no").retryable, "another attempt"
    assert not Cancel().now, "what was done is undone first"
