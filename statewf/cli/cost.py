"""The verb `cost`: the bill of an instance, line by line.

It looks at a store, or a Temporal server, as `show` does, changes nothing and needs no handlers. Below: `pricing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statewf.cli.common import Server, json_option, place_options, print_json

if TYPE_CHECKING:
    from statewf.pricing import Bill

VOLUMES = 10**15  # as of price lists, which are not loaded for this


@click.command("cost")
@click.argument("instance", metavar="ID")
@click.option(
    "--volume", type=click.IntRange(0, VOLUMES), help="What it would cost a customer with so many executions."
)
@place_options
@json_option
def cost_verb(instance: str, volume: int | None, db: str, server: Server | None, as_json: bool) -> None:
    """Print the bill of the instance ID, line by line; before its end, what it would be by now.

    The definition's `billing` says who the customer is and how many executions they have. With --volume the bill is what
    it would be for so many; what was charged, it was charged all the same. Only the total is rounded.
    """
    import time

    from statewf.cli.look import opened, travelled
    from statewf.errors import StatewfError
    from statewf.pricing import bill, usage_of

    if server is not None:
        from statewf.cli.remote import asked

        machine, steps = asked(server, lambda there: there.steps(instance), quiet=as_json)
    else:
        with opened(db) as store:
            machine, steps = travelled(store, instance)
    now = round(time.time() * 1000)
    made = bill(usage_of(machine, steps, volume), at=now)
    if made is None:
        raise StatewfError(f"{machine.name} costs nothing: its definition has no pricing, or none that holds today")
    charged = bill(usage_of(machine, steps), at=now) if volume is not None else made
    assert charged is not None, "the volume makes no price list"
    if as_json:
        supposed = {"final": False, "charged": str(charged.total) if charged.final else None}
        print_json({"instance": instance, **made.document(), **(supposed if volume is not None else {})})
    else:
        _tell(made, _remark(made, charged, volume))


def _remark(made: Bill, charged: Bill, volume: int | None) -> str:
    """What there is to say of the total."""
    from statewf.values.decimals import spelled

    said = []
    if made.exact != made.total:
        said.append(f"{spelled(made.exact)}, rounded")
    if not made.final:
        said.append("so far")
    elif volume is not None:
        said.append(f"so it would be; {charged.total} was charged")
    return "; ".join(said)


def _tell(made: Bill, remark: str) -> None:
    """The same for people: the amounts below each other, the total and the customer last."""
    from statewf.cli.tell import one_line
    from statewf.values.decimals import spelled

    rows = [(line.what, spelled(line.amount), line.how) for line in made.lines]
    total = (f"total {made.currency}", str(made.total), remark)
    rows.append(total)
    first = max(len(what) for what, _, _ in rows)
    whole = max(len(amount.partition(".")[0]) for _, amount, _ in rows)
    part = max(len(amount.partition(".")[2]) for _, amount, _ in rows)
    for row in rows:
        what, amount, how = row
        before, point, behind = amount.partition(".")
        figure = f"{before:>{whole}}{point or ' '}{behind:<{part}}"
        click.echo(click.style(f"{what:<{first}}  {figure}  {one_line(how)}".rstrip(), bold=row is total))
    if made.customer is not None:
        click.echo(f"{'customer':<{first}}  {one_line(str(made.customer))}")
