"""What a Temporal server takes, and how much of that we use: every border that something goes over looks here.

Bytes are those of JSON as it goes over the wire (`wire.size`). Above: `wire`, and all of the engine.
"""

from __future__ import annotations

# --- one payload: the server takes 2 MB

LARGEST = 1_800_000  # bytes that go over at once
DEFINITION = 1_500_000  # bytes of a definition
INPUTS = 500_000  # bytes that an instance begins with: it has them twice, by themselves and in its context
REMEMBERED = 1_500_000  # bytes of all that an instance knows, its inputs included
OUTCOME = 500_000  # bytes of context and results that are told with the end
PAGE = 500_000  # bytes of rows that one query gives

# --- one task of a workflow: it has 2 seconds, and tells the server 4 MB at most

BEGUN = 1_500_000  # bytes of the calls that are begun in it, but for one that is larger
TOLD = 1_000_000  # bytes of emitted events that are told in one activity, likewise
AT_ONCE = 500  # events that are taken in it
TIMERS = 1_000  # timers that fire in it: they may take no time
BREATH = 0.001  # seconds until the next one, if there is more to do

# --- one run: its history has 51,200 events and 50 MB at most, 2,000 updates, 2,000 activities under way

UPDATES, FULL_UPDATES = (
    1_000,
    1_800,
)  # after which it goes on anew, or if it cannot, takes no more but a decision or the end
FULL_EVENTS, FULL_BYTES = 45_000, 40_000_000  # likewise
LONG_BYTES = 4_000_000  # after which it goes on anew
CALLS = 1_000  # that run at once
WAITING = 8  # events that wait for an action: the server has 10 updates under way at most

# --- what goes along to the next run

ROWS = 1_000_000  # bytes of packed rows, the newest ones
ROWS_HERE = 20_000_000  # likewise, within one run
PACK = 100_000  # bytes of rows that are packed together, and left behind together
KEYS = 10_000  # of events, the newest ones
ANSWERS = 100  # of updates, the newest ones
SPARE = 2_000  # bytes for the names of what goes along

# --- search attributes

WORD = 255  # characters of one
WORDS = 1_500  # bytes of all words of one: the server takes 2,048, and ends a workflow that says more
