"""The verb `explain`: why an event is accepted now, or why not, and what has to happen until it is.

It looks at a store as `show` does, changes nothing and needs no handlers. Below: `checker.explain`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from statewf.cli.common import Server, json_option, place_options, print_json, read_object

if TYPE_CHECKING:
    from statewf.checker.explain import Candidate, Explanation


@click.command("explain")
@click.argument("instance", metavar="ID")
@click.argument("event")
@click.option("--data", metavar="JSON", help="The data that the event would have: JSON, or @file.")
@click.option("--limit", type=click.IntRange(1), help="How many configurations are looked at for the way.")
@place_options
@json_option
def explain_verb(
    instance: str, event: str, data: str | None, limit: int | None, db: str, server: Server | None, as_json: bool
) -> None:
    """Explain why the instance ID accepts EVENT now, or why not, and the shortest way to where it would.

    Without --data the event has none now, and at the end of the way whatever it needs. Exit code 1: not accepted now.
    """
    from statewf.checker.explain import explain
    from statewf.checker.explain.foresight import MOST_CONFIGURATIONS
    from statewf.cli.look import card_of, opened, travelled
    from statewf.values.frozen import freeze_object

    given = read_object(data, "--data")
    if server is not None:
        from statewf.cli.remote import asked

        machine, snapshot = asked(server, lambda there: there.look(instance), quiet=as_json)
    else:
        with opened(db) as store:
            card_of(store, instance)
            machine, steps = travelled(store, instance)
        snapshot = steps[-1].after
    sent = None if given is None else freeze_object(given, f"the data of {event}")
    found = explain(machine, snapshot, event, sent, limit or MOST_CONFIGURATIONS)
    if as_json:
        print_json(found.document())
    else:
        _tell(found)
    click.get_current_context().exit(0 if found.accepted else 1)


def _tell(found: Explanation) -> None:
    """The same for people."""
    from statewf.cli.tables import changes, facts, few
    from statewf.cli.tell import one_line

    reason = f" ({found.reason})" if found.reason else ""
    told = [c for c in found.candidates if c.step is not None or c.guard is not None]
    moved = changes({"changes": found.changes}) if found.changes else []
    facts(
        (
            ("instance", found.instance),
            ("event", found.event),
            ("state", found.state),
            ("answer", one_line(f"{found.disposition}{reason}: {found.message}")),
            ("changes", "\n".join(moved)),
            ("because", few([one_line(_candidate(candidate)) for candidate in told], "\n")),
            ("known in", few(found.known_in, ", ")),
            ("way", "" if found.accepted else "\n".join(map(one_line, _way(found)))),
        )
    )


def _candidate(candidate: Candidate) -> str:
    """A transition and whether its guard holds, or a step and what it waits for; and what was read."""
    if candidate.step is not None:
        where = f"{candidate.step} is {candidate.state}"
        waits = ", ".join(f"{step} ({state})" for step, state in candidate.waits_for)
        lead = f"{where} for {waits}" if waits else where
    else:
        lead = f"→ {candidate.target}" if candidate.target else f"stays in {candidate.state}"
    return lead if candidate.guard is None else f"{lead} if {candidate.guard}: {_verdict(candidate)}"


def _verdict(candidate: Candidate) -> str:
    from statewf.cli.tables import SHORT, cut
    from statewf.expr import UNDEFINED
    from statewf.values.canonical import compact

    said = f"no answer, {candidate.fault}" if candidate.fault else "it does not hold"
    values = [
        cut(f"{name} = {'undefined' if value is UNDEFINED else compact(value)}", SHORT)
        for name, value in candidate.values
    ]
    return "; ".join(["it holds" if candidate.holds else said, *values])


def _way(found: Explanation) -> Iterator[str]:
    """What has to happen, a line each; or that there is nothing."""
    ahead = found.foresight
    if ahead.legs is None and ahead.complete:
        what = found.event if found.data is None else f"{found.event} with these data"
        yield f"none: whatever happens, {what} is not accepted any more"
        return
    if ahead.legs is None:
        yield f"not found within {found.limit:,} configurations; --limit allows more"
        return
    if not ahead.complete:
        yield f"maybe not the shortest, which was not found within {found.limit:,} configurations:"
    for number, leg in enumerate(ahead.legs, 1):
        yield f"{number}. {leg.label}" + (f", if {' and '.join(leg.supposed)}" if leg.supposed else "")
    if ahead.supposed:
        yield f"{'then' if ahead.legs else 'now'}, if {' and '.join(ahead.supposed)}"
    if ahead.overwriting:
        yield "where what comes from outside changes what the context holds now"
