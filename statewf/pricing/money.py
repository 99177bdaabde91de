"""Amounts of a currency: how many digits they have, and how they are rounded and written.

Below: nothing. Above: `bill`.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

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
    unit = Decimal(1).scaleb(-OTHERS.get(currency, USUAL))
    return amount.quantize(unit, ROUND_HALF_EVEN)


def spelled(amount: Decimal) -> str:
    """An exact amount as people write it: without an exponent, with as many digits as it has."""
    return f"{amount.normalize():f}" if amount else "0"
