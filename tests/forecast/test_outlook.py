"""Figures of distributions, histograms, and what an outlook says."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import statewf as wf
from statewf.forecast import (
    Assumptions,
    Constant,
    Exponential,
    Likely,
    LogNormal,
    Returns,
    Uniform,
    crowd,
    forecast,
)
from statewf.forecast.assumptions import Answer
from statewf.forecast.outlook import figures, histogram
from statewf.simulator.scenario import Fail

weights = st.dictionaries(st.integers(0, 10**7), st.integers(1, 9), min_size=1, max_size=20)

JOB = """
name: job
steps:
  - { id: fetch, timeout: 5s, retryPolicy: { maxAttempts: 2, baseDelay: 1s, jitter: full } }
  - { id: both, type: parallel, strategy: any, steps: [{ id: left }, { id: right }] }
pricing: { model: per-execution, rate: 1, stepRates: { left: 0.5 } }
"""


def assumed() -> Assumptions:
    slow = LogNormal(2_000, 9_000)
    return Assumptions(
        handlers={
            "fetch": (Likely[Answer](Returns(), 0.8, slow), Likely[Answer](Fail("down"), 0.2, Constant(50))),
            "left": (Likely[Answer](Returns(), 0.5, Uniform(10, 90)), Likely[Answer](Fail(), 0.5, Uniform(0, 9))),
            "right": (Likely[Answer](Returns(), 0.5, Exponential(40)), Likely[Answer](Fail(), 0.5, Constant(1))),
        }
    )


@given(weights)
def test_a_quantile_is_the_least_value_that_so_many_stay_within(known: dict[int, int]) -> None:
    found = figures({value: float(weight) for value, weight in known.items()})
    assert found is not None
    listed = sorted(value for value, weight in known.items() for _ in range(weight))
    for share, value in ((Fraction(1, 2), found.p50), (Fraction(9, 10), found.p90), (Fraction(99, 100), found.p99)):
        assert value == next(v for n, v in enumerate(listed, 1) if Fraction(n, len(listed)) >= share)
    assert (found.least, found.greatest) == (listed[0], listed[-1])
    assert found.mean == pytest.approx(sum(listed) / len(listed))


@given(weights)
def test_a_histogram_has_a_place_for_each_and_no_more_bins_than_can_be_looked_at(known: dict[int, int]) -> None:
    bins = histogram({value: float(weight) for value, weight in known.items()})
    assert len(bins) <= 13
    assert [one.end for one in bins[:-1]] == [one.begin for one in bins[1:]]
    whole = sum(known.values())
    for one in bins:
        within = sum(w for v, w in known.items() if one.begin <= v and (one.end is None or v < one.end))
        assert one.share == pytest.approx(within / whole)
    assert sum(one.share for one in bins) == pytest.approx(1)


def test_the_same_seed_draws_the_same_lives_on_every_python() -> None:
    found = crowd(wf.compile(wf.loads(JOB)), assumed(), runs=1_000, seed=7)
    ends = {
        end.state: (round(end.probability * 1_000), end.duration and (end.duration.p50, end.duration.greatest))
        for end in found.ends
    }
    assert ends == {"completed": (653, (1_761, 10_147)), "failed": (347, (3_037, 10_997))}
    assert crowd(wf.compile(wf.loads(JOB)), assumed(), runs=1_000, seed=7) == found
    assert crowd(wf.compile(wf.loads(JOB)), assumed(), runs=1_000, seed=8) != found


def test_a_forecast_is_one_document_of_json() -> None:
    told = forecast(wf.loads(JOB), assumed(), runs=500).document()
    assert json.loads(json.dumps(told)) == told
    assert (told["machine"], told["method"], told["runs"], told["seed"]) == ("job", "simulated", 500, 1)
    assert sum(end["probability"] for end in told["ends"]) == pytest.approx(1)
    assert {case["state"] for case in told["cases"]} == {"completed", "failed"}
    assert {Decimal(told["price"][key]) for key in ("least", "greatest")} == {Decimal(0), Decimal("1.50")}
    assert {failure["at"] for failure in told["failures"]} == {"fetch", "both"}
    exact = forecast(wf.loads(JOB)).document()
    assert (exact["method"], exact["runs"], exact["success"]) == ("exact", None, 1)
    assert exact["unsaid"] == ["handlers.fetch", "handlers.left", "handlers.right"]
