"""Durations: integers are milliseconds, as in the definitions; text may say `30s`, `12h` or `P1D`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SIMPLE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|m|h|d|w)")
_ISO = re.compile(
    r"P(?=.)(?:(?P<w>[0-9]+)W)?(?:(?P<d>[0-9]+(?:\.[0-9]+)?)D)?"
    r"(?:T(?=.)(?:(?P<h>[0-9]+(?:\.[0-9]+)?)H)?(?:(?P<m>[0-9]+(?:\.[0-9]+)?)M)?(?:(?P<s>[0-9]+(?:\.[0-9]+)?)S)?)?"
)
LONGEST = 100 * 365 * 86_400_000  # a hundred years: more is a slip of units

HINT = "give milliseconds (30000) or text such as 500ms, 30s, 5m, 12h, 2d or P1D"


def milliseconds(value: object) -> int:
    """A duration in whole milliseconds, from an int, text or timedelta. Raises ValueError with the reason."""
    match value:
        case bool():
            raise ValueError("true and false are no durations")
        case timedelta():
            amount = value / timedelta(milliseconds=1)
        case int():
            amount = value
        case float() if value.is_integer():
            amount = value
        case str():
            amount = _read(value.strip())
        case _:
            raise ValueError(f"{value!r} is not a duration")
    if amount < 0:
        raise ValueError("a duration cannot be negative")
    if amount > LONGEST:
        raise ValueError("a duration of more than a hundred years")
    return round(amount)


def _read(text: str) -> float:
    if len(text) <= 100:  # a number of a thousand digits is a slip, and slow
        if (iso := _ISO.fullmatch(text)) and text != "P":
            return sum(float(amount) * _UNITS[unit] for unit, amount in iso.groupdict().items() if amount)
        parts = _SIMPLE.findall(text)
        if parts and not _SIMPLE.sub("", text).strip():
            return sum(float(amount) * _UNITS[unit] for amount, unit in parts)
    raise ValueError(f"{text[:40]!r} is not a duration")


def spoken(amount: int) -> str:
    """A duration as people write it: `30s`, `1h 30m`, `2d 4h`; the two greatest units, the rest rounded off."""
    if amount < 1_000:
        return f"{amount}ms"
    parts: list[str] = []
    for unit in ("d", "h", "m", "s"):
        count, amount = divmod(amount, _UNITS[unit])
        if unit == "s" and not parts and amount:
            return f"{count + amount / 1_000:.3g}s"
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
