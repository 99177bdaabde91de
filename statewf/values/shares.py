"""Shares and probabilities, as people read them."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share in hundredths: never 0 or 100 % of what is not."""
    hundredths = 100 * share
    if 0 < hundredths < 0.01:
        return "< 0.01 %"
    if 99.99 < hundredths < 100 - 1e-7:
        return "> 99.99 %"
    return f"{hundredths:.4g} %"
