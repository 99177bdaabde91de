"""Surveys of what a store's instances went through.

Below: `survey`, the port of stores. Above: `statewf forecast --from-history` and `stats`; the runtime, for live estimates.
"""

from __future__ import annotations

from collections.abc import Callable

from statewf.forecast.survey import Survey
from statewf.history.port import Store
from statewf.history.travel import Traveller

MOST = 1_000  # instances that are looked at, the newest ones
OFTEN = 20  # after so many whoever waits is told how many there were


def observed(
    store: Store, name: str, most: int = MOST, progress: Callable[[int, int], None] | None = None
) -> Survey:
    """What the newest instances of machines of that name went through. Raises StoreError.

    `progress` is told now and then how many were read, of how many.
    """
    survey, traveller = Survey(), Traveller(store)
    cards = store.cards(name=name, limit=most)
    for number, card in enumerate(cards):
        if progress is not None and number % OFTEN == 0:
            progress(number, len(cards))
        survey.read(traveller.machine(card), traveller.steps(card))
    return survey
