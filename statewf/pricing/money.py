"""Amounts of a currency: how many digits they have, and how they are rounded.

Below: `values`. Above: `bill`.
"""

from __future__ import annotations

from decimal import Decimal

from statewf.values import decimals

USUAL = 2  # digits behind the point
# The others of ISO 4217 (list one of 2024): the currencies with another minor unit.
OTHERS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"), 0),
    **dict.fromkeys(("PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount in whole minor units of its currency: the nearest, of two that are as near the even one."""
    return decimals.rounded(amount, OTHERS.get(currency, USUAL))
