"""How the house computes with amounts: exactly, whatever the decimal context of whoever calls.

A program may set its precision to six digits, or trap what is inexact; a bill must not hang on that. `EXACT` has more
digits than prices, times and counts can fill, and raises rather than round. Only `rounded` rounds, where that is meant.

Below: nothing. Above: price lists are read in it, bills are made in it.
"""

from __future__ import annotations

from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
)

DIGITS = 200  # an amount has 25, a factor and two shares as many again, a count of ms or visits less than 20
EXACT = Context(
    prec=DIGITS,
    rounding=ROUND_HALF_EVEN,
    traps=[DivisionByZero, FloatOperation, Inexact, InvalidOperation, Overflow],
)
_ROUNDING = EXACT.copy()
_ROUNDING.traps[Inexact] = False


def rounded(amount: Decimal, places: int) -> Decimal:
    """The nearest with so many digits behind the point, of two that are as near the even one."""
    return amount.quantize(Decimal((0, (1,), -places)), context=_ROUNDING)


def behind(amount: Decimal) -> int:
    """How many digits a finite decimal has behind the point; zeros at its end do not count."""
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int), "infinity and NaN are no amounts"
    return max(0, -exponent - _zeros(digits)) if amount else 0


def significant(amount: Decimal) -> int:
    """How many digits a finite decimal has from its first to its last that is not zero."""
    digits = amount.as_tuple().digits
    return len(digits) - _zeros(digits) if amount else 0


def plain(amount: Decimal) -> Decimal:
    """The same number without an exponent, and without zeros behind the point that say nothing."""
    return amount.quantize(Decimal((0, (1,), -behind(amount))), context=EXACT)


def spelled(amount: Decimal) -> str:
    """An exact amount as people write it: without an exponent, with as many digits as it has."""
    return f"{plain(amount):f}" if amount else "0"


def _zeros(digits: tuple[int, ...]) -> int:
    return next((n for n, digit in enumerate(reversed(digits)) if digit), 0)
