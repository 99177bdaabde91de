"""Whatever a handler returns or raises becomes a reply that every store can keep."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.errors import NonRetryable
from statewf.machine.effects import Call
from statewf.machine.events import CallId, Event, Failed, Returned
from statewf.machine.work import LONGEST_MESSAGE, failed, returned
from statewf.values.frozen import EMPTY, Map, freeze

CALL = Call(CallId(1, 0), "main", "s", "s", "h", EMPTY, 1, "i/main/1", Map())


class Mute(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("not even that")


@given(st.text(st.characters(), max_size=50))
def test_the_text_of_an_error_can_be_kept(text: str) -> None:
    reply = failed(CALL, ValueError(text), 5)
    assert json.loads(json.dumps(reply.message, ensure_ascii=False).encode()) == reply.message
    assert reply.error == "ValueError"
    assert reply.retryable


def test_an_error_is_told_whatever_it_is() -> None:
    assert failed(CALL, Mute(), 0).message == "(its message cannot be shown: RuntimeError)"
    assert len(failed(CALL, ValueError("x" * 10_000_000), 0).message) == LONGEST_MESSAGE + 1
    assert failed(CALL, ValueError("x" * LONGEST_MESSAGE), 0).message == "x" * LONGEST_MESSAGE
    assert not failed(CALL, NonRetryable("no"), 0).retryable


@pytest.mark.parametrize("result", [{1, 2}, float("nan"), {"a": object()}, "\ud800", {"\ud800" * 9999: 1}])
def test_a_result_that_is_not_json_is_a_failure(result: object) -> None:
    reply = returned(CALL, result, 5)
    assert isinstance(reply, Failed)
    assert reply.error == "DataError"
    assert not reply.retryable
    reply.message.encode()


def test_a_result_or_an_event_comes_back() -> None:
    assert returned(CALL, {"a": [1]}, 5) == Returned(CALL.id, freeze({"a": [1]}), 5)
    assert returned(CALL, Event("PAID", {"x": 1}, 99, "key"), 5) == Returned(
        CALL.id, None, 5, Event("PAID", {"x": 1})
    )
