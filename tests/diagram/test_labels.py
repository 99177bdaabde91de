"""The words of labels: delays, folds, and what cannot be seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.diagram.labels import ROWS, SLACK, WIDTH, fold, fold_name, trigger_text, visible, wait_text
from statewf.machine.fsm import Delay


@pytest.mark.parametrize(
    ("delay", "attempts", "expected"),
    [
        (Delay(30_000), 1, "30s"),
        (Delay(500), 9, "500ms"),
        (Delay(1_000, "exponential", 30_000), 3, "1s, 2s"),
        (Delay(1_000, "exponential", 30_000), 4, "1s, 2s, 4s"),
        (Delay(1_000, "exponential", 30_000), 5, "1s, 2s, 4s … 8s"),
        (Delay(1_000, "exponential", 30_000), 1_000_000, "1s, 2s, 4s … 30s"),
        (Delay(20_000, "linear", 30_000), 9, "20s, 30s"),
        (Delay(2_000, "linear", None, jitter=True), 3, "up to 2s, 4s"),
        (Delay(0, "exponential"), 3, "0ms"),
    ],
)
def test_delays_as_people_write_them(delay: Delay, attempts: int, expected: str) -> None:
    assert wait_text(delay, attempts) == expected


@pytest.mark.parametrize(
    ("trigger", "state", "expected"),
    [
        ("PAY", "a", "PAY"),
        ("", "a", "always"),
        ("$cancel", "a", "cancel"),
        ("$timeout:a", "a", "after 5s"),
        ("$timeout:a", "a.b", "after 5s in a"),
        ("$timeout:a", "a.$backoff", "after 5s"),
        ("$timeout:x:y", "x:y", "after some time"),
        ("$done:a", "a.b", "done in a"),
        ("$error:a", "a", "error"),
    ],
)
def test_triggers_as_people_call_them(trigger: str, state: str, expected: str) -> None:
    assert trigger_text(trigger, state, {"$timeout:a": "5s"}) == expected


def test_short_labels_are_one_row_and_long_ones_a_row_a_part() -> None:
    assert fold(["PAY", "[a > b]"]) == ["PAY [a > b]"]
    assert fold(["PROCESS_PAYMENT", "[inputs.total > 100]"]) == ["PROCESS_PAYMENT", "[inputs.total > 100]"]
    assert fold(["[" + " && ".join(["inputs.total > 100"] * 3) + "]"]) == [
        "[inputs.total > 100 &&",
        "  inputs.total > 100 &&",
        "  inputs.total > 100]",
    ]
    rows = fold([" ".join(["word"] * 100)])
    assert len(rows) == ROWS
    assert rows[-1].endswith(" …")


def test_a_word_a_little_too_long_stays_in_one_piece() -> None:
    long = "results[" + "x" * (WIDTH + SLACK - 9) + "]"
    assert fold([long]) == [long]
    assert len(fold([long + "y"])) == 2


def test_names_break_at_their_words() -> None:
    assert fold_name("checkout.paying.authorising.$backoff") == ["checkout.paying.authorising.", "$backoff"]
    assert fold_name("x" * 50) == ["x" * WIDTH, "x" * (50 - WIDTH)]


def test_what_cannot_be_seen_is_escaped() -> None:
    assert visible("a\nb\x00c\u2028d\ud800e é") == "a b\\x00c\\u2028d\\ud800e é"


@given(st.text(max_size=200))
def test_no_row_is_too_wide_or_breaks(text: str) -> None:
    for rows, most in ((fold([text]), WIDTH + SLACK), (fold_name(text), WIDTH)):
        assert all(row.isprintable() and len(row) <= most for row in rows)
