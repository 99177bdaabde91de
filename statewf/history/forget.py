"""What nobody waits for any more, and is to be forgotten, a part at a time.

Above: `sqlite`, which is told when.
"""

from __future__ import annotations

import sqlite3

from statewf.history.port import ANSWERS_KEPT, KEPT, LOGGED

_TOLD = """
DELETE FROM outbox WHERE number IN (
    SELECT number FROM outbox o WHERE event = ? AND number <=
        (SELECT min(told) FROM subscriber s WHERE s.event = o.event)
    ORDER BY number LIMIT ?)
"""
# Later ones have greater numbers: the first that is young ends the search.
_UNWANTED = """
DELETE FROM outbox WHERE number IN (
    SELECT number FROM outbox o
    WHERE number < coalesce((SELECT number FROM outbox WHERE at > ? ORDER BY number LIMIT 1), 1 << 62)
        AND NOT EXISTS (SELECT 1 FROM subscriber s WHERE s.event = o.event)
    ORDER BY number LIMIT ?)
"""
_ANSWERS = """
DELETE FROM inbox WHERE number IN (
    SELECT number FROM inbox WHERE answer IS NOT NULL AND at <= ? ORDER BY number LIMIT ?)
"""
_LOG = """
DELETE FROM log WHERE place IN (
    SELECT place FROM log WHERE place <= (SELECT max(place) FROM log) - ? ORDER BY place LIMIT ?)
"""


def forget(db: sqlite3.Connection, at: int, limit: int) -> int:
    """Forget so many of each kind at most; how many there were."""
    events = db.execute("SELECT DISTINCT event FROM subscriber").fetchall()
    gone = sum(db.execute(_TOLD, (*event, limit)).rowcount for event in events)
    gone += db.execute(_UNWANTED, (at - KEPT, limit)).rowcount
    gone += db.execute(_LOG, (LOGGED, limit)).rowcount
    return gone + db.execute(_ANSWERS, (at - ANSWERS_KEPT, limit)).rowcount
