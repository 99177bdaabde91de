"""What the regions of one instance know of each other: results, errors, counters, places, tasks.

A value, as all of a snapshot is; a macrostep writes the next one as a draft, at the cost of what it changes.
A state machine has one region and an empty book. Below `snapshot`; used by `macrostep` and `together`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_not
from typing import Any, NamedTuple, TypeVar

from statewf.machine.effects import Task
from statewf.values.frozen import EMPTY, Json, Map, Object

T = TypeVar("T")
_new = tuple.__new__  # half the price of a named tuple's own constructor

RESULTS_TOLD = ("all", "quorum")  # the blocks that tell of every member, not of the one that decided


class Line(NamedTuple):
    """The places of a block: how many are free, and who waits, from number `first` up to before `last`."""

    free: int
    first: int = 0
    last: int = 0


class Book(NamedTuple):
    """`results` and `errors` are by region; `counters` by (region, counter), from their first change on.

    `completed` and `failed` list steps by number, `undone` what was done to undo them, `path` which branches
    were taken. `ranks` says of each name of the context how late in the document the step stands that set it.
    `waiting` is who stands in line: (block, number) -> region. `tasks` are open ones, by region. `awaiting` are the
    numbers of the regions that accept some event where they are: an event must not cost a look at all of them.
    """

    results: Map[str, Json]
    errors: Map[str, Object]
    counters: Map[tuple[str, str], int]
    completed: Map[int, str]
    failed: Map[int, str]
    undone: Map[int, Object]
    path: Map[int, str]
    ranks: Map[str, int]
    lines: Map[str, Line]
    waiting: Map[tuple[str, int], str]
    tasks: Map[str, Task]
    awaiting: Map[int, None]


_NONE: Map[Any, Any] = Map()
BLANK = Book(*[_NONE] * len(Book._fields))


class Draft:
    """A book in the writing, within one macrostep."""

    __slots__ = (*Book._fields, "before")

    def __init__(self, before: Book) -> None:
        self.before = before
        (
            self.results,
            self.errors,
            self.counters,
            self.completed,
            self.failed,
            self.undone,
            self.path,
            self.ranks,
            self.lines,
            self.waiting,
            self.tasks,
            self.awaiting,
        ) = before

    def book(self) -> Book:
        """The book as it is now; the very one from before, if nothing was changed."""
        now = (
            *(self.results, self.errors, self.counters, self.completed, self.failed, self.undone, self.path),
            *(self.ranks, self.lines, self.waiting, self.tasks, self.awaiting),
        )
        return _new(Book, now) if any(map(is_not, self.before, now)) else self.before

    def keep(self, region: str, result: Json) -> None:
        """The result of a region; what was wrong with it before is mended."""
        self.results = self.results.set(region, result)
        if region in self.errors:
            self.errors = self.errors.delete(region)

    def hear(self, number: int, *, accepts: bool) -> None:
        """A region came to where it accepts events, or does not."""
        if accepts:
            self.awaiting = self.awaiting.set(number, None)
        elif number in self.awaiting:
            self.awaiting = self.awaiting.delete(number)

    def forget(self, region: str) -> None:
        """What became of a region does not count any more: it tries again."""
        if region in self.results:
            self.results = self.results.delete(region)
        if region in self.errors:
            self.errors = self.errors.delete(region)

    def merge(self, context: Map[str, Json], data: Object, rank: int) -> Map[str, Json]:
        """The context with the data of a step of that rank; what a later step set stays."""
        won = [name for name in data if self.ranks.get(name, -1) <= rank]
        self.ranks = self.ranks.update(dict.fromkeys(won, rank))
        return context.update({name: data[name] for name in won})

    def enter(self, block: str, region: str, places: int) -> bool:
        """A region asks for a place; whether it got one. Otherwise it stands in line."""
        line = self.lines.get(block, Line(places))
        if line.free:
            self.lines = self.lines.set(block, line._replace(free=line.free - 1))
            return True
        self.waiting = self.waiting.set((block, line.last), region)
        self.lines = self.lines.set(block, line._replace(last=line.last + 1))
        return False

    def leave(self, block: str) -> str | None:
        """A place is given back; who got it, if anybody waits."""
        line = self.lines[block]
        if line.first == line.last:
            self.lines = self.lines.set(block, line._replace(free=line.free + 1))
            return None
        following = self.waiting[block, line.first]
        self.waiting = self.waiting.delete((block, line.first))
        self.lines = self.lines.set(block, line._replace(first=line.first + 1))
        return following


def longer(listed: Map[int, T], item: T) -> Map[int, T]:
    """A list with one more item."""
    return listed.set(len(listed), item)


def in_order(listed: Map[int, T]) -> tuple[T, ...]:
    """The items of such a list."""
    return tuple(listed[number] for number in range(len(listed)))


# --- the results of blocks


def gathered(book: Book | Draft, how: str, members: Sequence[str], of: str) -> Object:
    """The result of a block: of all its members, or of the one (`of`) that decided."""
    if how == "condition":
        return _chosen(book, members, of)
    if how not in RESULTS_TOLD:
        return Object({"strategy": how, "result": told(book, of)})
    results = [told(book, member) for member in members if member in book.results or member in book.errors]
    successes = sum(result["success"] for result in results)
    return Object(
        {
            "strategy": how,
            "results": tuple(results),
            "successes": successes,
            "failures": len(results) - successes,
        }
    )


def told(book: Book | Draft, member: str) -> Object:
    """What a block tells of one of its members."""
    if member in book.errors:
        return Object({"id": member, "success": False, "error": book.errors[member]["message"]})
    return Object({"id": member, "success": True, "result": book.results.get(member)})


def _chosen(book: Book | Draft, members: Sequence[str], of: str) -> Object:
    """The result of a condition: what its branch found, and which that was. One that failed found nothing."""
    result = None if of in book.errors else book.results.get(of)
    found: Mapping[str, Json] = result if isinstance(result, Object) else EMPTY
    branch = "then" if of == members[0] else "else"
    return Object({**found, "branch": branch, "result": result})
