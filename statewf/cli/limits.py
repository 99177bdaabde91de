"""How long a machine takes and how often it tries, for people: `check --bounds`.

Above: `inspect`. Below: `tables`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from statewf.cli.tables import paragraph, some, table, width
from statewf.values.duration import spoken

if TYPE_CHECKING:
    from statewf.checker.bounds.spans import Bounds, End

HEADS = ("it ends in", "after", "within", "attempts")
NEVER = "no bound"


def show(bounds: Bounds) -> None:
    """Print them: a line for each end, then why some have no bound, then what is tried how often."""
    from statewf.checker.bounds.spans import rounded_up

    lines = [
        [
            end.state,
            spoken(end.least) if end.least else "at once",
            NEVER if end.greatest is None else rounded_up(end.greatest),
            _attempts(end),
        ]
        for end in bounds.ends
    ]
    table(HEADS, lines, empty="it never ends")
    reasons = [(end.why, end.state) for end in bounds.ends if end.greatest is None]
    reasons += [(end.often, end.state) for end in bounds.ends if end.most is None and end.often != end.why]
    for why, of in groupby(sorted(reasons, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
        paragraph(f"{NEVER} to {', '.join(state for _, state in of)}: {why}", width())
    if bounds.each:
        paragraph(f"tried {'; '.join(_often(bounds.each))}", width())


def _attempts(end: End) -> str:
    """How many attempts there are on the way, from the fewest to the most."""
    if end.most is None:
        return f"{end.fewest} or more"
    return str(end.most) if end.fewest == end.most else f"{end.fewest} to {end.most}"


def _often(each: Mapping[str, int | None]) -> Iterator[str]:
    """What is tried how often at most; those that are tried equally often together."""
    for most in dict.fromkeys(each.values()):
        told = "again and again" if most is None else "at most once" if most == 1 else f"at most {most:,} times"
        yield f"{told}: {some([name for name, times in each.items() if times == most])}"
