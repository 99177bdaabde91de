"""Spreads of durations: a quantile function says it all."""

from __future__ import annotations

from math import exp, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.forecast import Exponential, LogNormal, Sample, Spread, Uniform
from tests.forecast.support import spreads

DRAWS = 20_000


@given(spreads, st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_greater_share_takes_no_less_and_all_stay_within_the_bounds(
    spread: Spread, one: float, other: float
) -> None:
    least, most = spread.bounds
    if isinstance(spread, Sample):
        assert {spread.at(one), spread.at(other)} <= set(spread.durations)
    else:
        assert spread.at(min(one, other)) <= spread.at(max(one, other))
    for share in (one, other):
        assert isinstance(spread.at(share), int)
        assert least <= spread.at(share)
        assert most is None or spread.at(share) <= most


@given(spreads)
def test_points_are_what_is_drawn_and_their_mean_is_the_mean(spread: Spread) -> None:
    if spread.points is not None:
        assert sum(chance for chance, _ in spread.points) == pytest.approx(1)
        assert sum(chance * duration for chance, duration in spread.points) == pytest.approx(spread.mean)
        numbers = Random(1)
        assert {spread.at(numbers.random()) for _ in range(200)} == {duration for _, duration in spread.points}


@pytest.mark.parametrize(
    "spread", [Uniform(10, 990), Exponential(800), LogNormal(500, 2_000), Sample((1, 50, 50, 900))]
)
def test_what_is_drawn_has_the_mean(spread: Spread) -> None:
    numbers = Random(7)
    drawn = [spread.at(numbers.random()) for _ in range(DRAWS)]
    assert sum(drawn) / DRAWS == pytest.approx(spread.mean, rel=0.05)


def test_quantiles_are_those_that_were_said() -> None:
    skewed = LogNormal(500, 2_000)
    assert (skewed.at(0.5), skewed.at(0.9)) == (500, 2_000)
    assert Exponential(1_000).at(1 - exp(-2)) == 2_000
    assert Exponential(1_000).at(0.5) == round(1_000 * log(2))
    assert [Uniform(0, 9).at(share / 10) for share in range(10)] == list(range(10))
