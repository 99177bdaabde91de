"""The verb `cost`: the bill of an instance, line by line.

It looks at a store as `show` does, changes nothing and needs no handlers. Below: `pricing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statewf.cli.common import db_option, json_option, print_json

if TYPE_CHECKING:
    from statewf.pricing import Bill


@click.command("cost")
@click.argument("instance", metavar="ID")
@click.option("--volume", type=click.IntRange(0), help="How many executions the customer has, for discounts.")
@db_option
@json_option
def cost_verb(instance: str, volume: int | None, db: str, as_json: bool) -> None:
    """Print the bill of the instance ID, line by line; before its end, what it would be by now.

    The definition's `billing` says who the customer is and how many executions they have, unless --volume does. Only the
    total is rounded.
    """
    import time

    from statewf.cli.look import card_of, opened, travelled
    from statewf.errors import StatewfError
    from statewf.pricing import bill, usage_of

    with opened(db) as store:
        card_of(store, instance)
        machine, steps = travelled(store, instance)
    made = bill(usage_of(machine, steps, volume), at=round(time.time() * 1000))
    if made is None:
        raise StatewfError(f"{machine.name} costs nothing: its definition has no pricing")
    if as_json:
        print_json({"instance": instance, **made.document()})
    else:
        _tell(made)


def _tell(made: Bill) -> None:
    """The same for people: the amounts below each other, the total last."""
    from statewf.values.decimals import spelled

    rows = [(line.what, spelled(line.amount), line.how) for line in made.lines]
    total = (f"total {made.currency}", str(made.total), "" if made.final else "so far")
    rows.append(total)
    first = max(len(what) for what, _, _ in rows)
    whole = max(len(amount.partition(".")[0]) for _, amount, _ in rows)
    part = max(len(amount.partition(".")[2]) for _, amount, _ in rows)
    for row in rows:
        what, amount, how = row
        before, point, behind = amount.partition(".")
        figure = f"{before:>{whole}}{point or ' '}{behind:<{part}}"
        click.echo(click.style(f"{what:<{first}}  {figure}  {how}".rstrip(), bold=row is total))
