"""What instances went through, in a store or at a task queue of a Temporal server: `stats` tells it, forecasts learn from it.

Below: `look` and `remote`, which have the instances. Above: `stats`, `foretell`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statewf.cli.common import Server
from statewf.cli.tables import tell_unreadable
from statewf.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from statewf.engines.temporal import TemporalExecutor
    from statewf.forecast.survey import Survey

MOST = 1_000_000  # instances that are looked through for the names of their machines
PATIENCE = 0.5  # seconds until there is a bar


class Source(NamedTuple):
    """Where the instances are: in a store, or at a task queue of a server."""

    db: str
    server: Server | None
    queue: str

    @property
    def named(self) -> str:
        """What it is called."""
        return self.db if self.server is None else self.server.address

    @property
    def lists(self) -> str:
        """What to type to see what there is."""
        return "`statewf list`" if self.server is None else f"`statewf list {self.server.named}`"


def surveyed(source: Source, name: str, most: int, *, quiet: bool) -> Survey:
    """What the newest instances of machines of that name went through. How many could not be read is told. Raises StoreError."""
    from statewf.cli.look import opened
    from statewf.cli.waiting import bar
    from statewf.forecast.observe import observed

    with bar(f"reading {name}", quiet=quiet, patience=PATIENCE) as moved:
        if source.server is not None:
            found = _there(source.server, source.queue, name, most, moved)
        else:
            with opened(source.db) as store:
                found = observed(store, name, most, moved)
    tell_unreadable(found.unreadable, name)
    return found


def names(source: Source) -> list[str]:
    """The machines that instances run, those of the newest ones first."""
    from statewf.cli.look import opened

    if source.server is not None:
        from statewf.cli.remote import asked

        listed = asked(source.server, lambda there: there.list(limit=MOST), queue=source.queue, quiet=True)
        return list(dict.fromkeys(one.name for one in listed))
    with opened(source.db) as store:
        return list(dict.fromkeys(card.name for card in store.cards(limit=MOST)))


def _there(server: Server, queue: str, name: str, most: int, moved: Callable[[int, int], None]) -> Survey:
    from statewf.cli.remote import asked
    from statewf.forecast.survey import Survey

    async def look(there: TemporalExecutor) -> Survey:
        survey = Survey()
        listed = await there.list(machine=name, limit=most)
        for number, one in enumerate(listed):
            moved(number, len(listed))
            try:
                machine, steps = await there.steps(one.id)
            except StoreError:
                survey.unreadable += 1
            else:
                survey.read(machine, steps)
        return survey

    return asked(server, look, queue=queue, quiet=True)
