"""Surveys of what a store's instances went through.

Below: `survey`, the port of stores. Above: `statewf forecast --from-history` and `stats`; the runtime, for live
estimates.
"""

from __future__ import annotations

from collections.abc import Callable

from statewf.errors import StoreBusy, StoreError
from statewf.forecast.survey import Survey
from statewf.history.port import Card, Store
from statewf.history.travel import Traveller

MOST = 1_000  # instances that are looked at, the newest ones
OFTEN = 20  # after so many whoever waits is told how many there were


def observed(
    store: Store, name: str, most: int = MOST, progress: Callable[[int, int], None] | None = None
) -> Survey:
    """What the newest instances of machines of that name went through; those that are damaged are counted, and left out.

    `progress` is told now and then how many were read, of how many. Raises StoreError when the store cannot be
    read.
    """
    survey, traveller = Survey(), Traveller(store)
    cards = store.cards(name=name, limit=most)
    for number, card in enumerate(cards):
        if progress is not None and number % OFTEN == 0:
            progress(number, len(cards))
        look(survey, traveller, card)
    return survey


def look(survey: Survey, traveller: Traveller, card: Card) -> None:
    """Look at one instance. Raises StoreBusy."""
    try:
        machine, steps = traveller.machine(card), list(traveller.steps(card))
    except StoreBusy:
        raise
    except StoreError:
        survey.unreadable += 1
    else:
        survey.read(machine, steps)
