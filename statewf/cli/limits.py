"""How long a machine takes and how often it tries, for people: `check --bounds`.

Above: `inspect`. Below: `tables`.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from statewf.cli.tables import table
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
        click.echo(f"{NEVER} to {', '.join(state for _, state in of)}: {why}")
    if bounds.each:
        click.echo(f"tried at most: {', '.join(_often(name, most) for name, most in bounds.each.items())}")


def _attempts(end: End) -> str:
    """How many attempts there are on the way, from the fewest to the most."""
    if end.most is None:
        return f"{end.fewest} or more"
    return str(end.most) if end.fewest == end.most else f"{end.fewest} to {end.most}"


def _often(name: str, most: int | None) -> str:
    if most is None:
        return f"{name} again and again"
    return f"{name} {'once' if most == 1 else f'{most} times'}"
