"""Durations: what people write, and what they may not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.values.duration import LONGEST, milliseconds, spoken


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (0, 0),
        (30_000, 30_000),
        (2.0, 2),
        ("500ms", 500),
        ("30s", 30_000),
        ("1.5s", 1_500),
        ("5m", 300_000),
        ("5min", 300_000),
        ("12h", 43_200_000),
        ("2d", 172_800_000),
        ("1w", 604_800_000),
        ("1h 30m", 5_400_000),
        ("1h30m", 5_400_000),
        ("P1D", 86_400_000),
        ("PT1H30M", 5_400_000),
        ("P1DT12H", 129_600_000),
        ("P2W", 1_209_600_000),
        ("PT0.5S", 500),
        (timedelta(minutes=2), 120_000),
    ],
)
def test_what_is_a_duration(written: object, expected: int) -> None:
    assert milliseconds(written) == expected


WRONG = [
    "",
    "P",
    "PT",
    "s",
    "30",
    "30 parsecs",
    "s30",
    "1h-",
    "-30s",
    "PT1D",
    "1e3s",
    "9" * 200 + "s",
    "\u0663s" * 40,
]


@pytest.mark.parametrize("written", [*WRONG, -1, LONGEST + 1, True, None, 1.5, [], timedelta(days=-1)])
def test_what_is_none(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        milliseconds(written)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(0, "0ms"), (999, "999ms"), (1_500, "1.5s"), (30_000, "30s"), (90_000, "1m 30s"), (93_784_000, "1d 2h")],
)
def test_how_people_say_it(amount: int, expected: str) -> None:
    assert spoken(amount) == expected


@given(st.integers(0, LONGEST))
def test_what_is_said_can_be_read_and_is_close(amount: int) -> None:
    assert milliseconds(spoken(amount)) == pytest.approx(amount, rel=0.15, abs=10)
