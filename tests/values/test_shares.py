"""Shares as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.values.shares import percent


@pytest.mark.parametrize(
    ("share", "told"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (1e-9, "< 0.01 %"), (1 - 1e-6, "> 99.99 %"), (0.898765, "89.88 %")],
)
def test_a_share_is_told_in_hundredths(share: float, told: str) -> None:
    assert percent(share) == told


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_what_can_be_is_never_told_to_be_impossible_or_certain(share: float) -> None:
    if share < 1 - 1e-9:  # what an exact reckoning may be off is not told
        assert percent(share) not in ("0 %", "100 %")
