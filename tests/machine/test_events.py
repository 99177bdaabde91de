"""What may be the name and the key of an event; everything else about events is a law of `step`."""

from __future__ import annotations

from typing import Any

import pytest

from statewf.errors import DataError
from statewf.machine.events import LONGEST_NAME, Event


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
