"""What a scenario expects against what came out: each difference as one readable line.

Pure comparison; below only `values`. Above: `simulate`. Numbers compare by value. A mapping that is expected
of `context` or `results` need not name everything: what it names must be equal. All else must be equal as a
whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from statewf.values.canonical import compact
from statewf.values.frozen import Json, thaw

PARTIAL = ("context", "results")
LONGEST = 500  # characters of a value in a line


def failures(expect: Mapping[str, Json], document: Mapping[str, Any]) -> Iterator[str]:
    """`state: expected 'paid', got 'payment-failed'`, for every expectation that failed."""
    for key, expected in expect.items():
        got = document[key]
        if key in PARTIAL and isinstance(expected, Mapping):
            yield from _members(key, expected, got)
        elif not (_same_amount(expected, got) if key == "cost" else same(expected, got)):
            yield f"{key}: expected {_shown(expected)}, got {_shown(got)}"


def _members(key: str, expected: Mapping[str, Json], got: Mapping[str, Any]) -> Iterator[str]:
    for name, value in expected.items():
        if name not in got:
            yield f"{key}.{name}: expected {_shown(value)}, got nothing"
        elif not same(value, got[name]):
            yield f"{key}.{name}: expected {_shown(value)}, got {_shown(got[name])}"


def same(expected: object, got: object) -> bool:
    """Whether two JSON values are equal; 1 is 1.0, but true is not 1."""
    match expected, got:
        case Mapping(), Mapping():
            return expected.keys() == got.keys() and all(same(expected[key], got[key]) for key in expected)
        case ((list() | tuple()), (list() | tuple())):
            return len(expected) == len(got) and all(map(same, expected, got))
        case _:
            return isinstance(expected, bool) is isinstance(got, bool) and expected == got


def _same_amount(expected: object, got: object) -> bool:
    """Whether two amounts of money are equal: `2`, 2.0 and "2.00" are."""
    if expected is None or got is None or isinstance(expected, bool):
        return expected is got
    try:
        return Decimal(str(expected)) == Decimal(str(got))
    except InvalidOperation:
        return False


def _shown(value: object) -> str:
    text = f"'{value}'" if isinstance(value, str) else compact(thaw(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
