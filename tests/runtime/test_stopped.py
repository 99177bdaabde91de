"""SIGSTOP, for real: an owner that was stopped for longer than the lease keeps nothing, and two never commit in turn.

Two processes (`tests.runtime.stopped`) have parcels sent through one store all the time. One of them is stopped before,
within or after a commit, and woken or killed. In the end what was told is held against what is kept.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest

from statewf.errors import StoreError
from statewf.history import Card, Lease, Sqlite
from statewf.runtime import Executor
from statewf.runtime.lease import LEASE, Holder
from tests.runtime.killed.notes import STORE, Lines
from tests.runtime.stopped import MADE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are stopped, and looked at in /proc")

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds that anything may take on a busy machine before the test gives up
AT_ONCE = 3.0  # seconds; less than a lease, also on a busy machine
MORE = 100  # acknowledgements until both are in the middle of it
STEPS = ["$start", "PAY", "$returned", "$timeout:drying", "SEND"]

Made = tuple[int, str, int]  # number, writer, epoch


def until(reached: Callable[[], Any]) -> float:
    """Wait for something that other processes do; how many seconds that took."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() < began + PATIENCE, "it never came to that"
        time.sleep(0.02)
    return time.monotonic() - began


@attrs.frozen
class Driver:
    """One of the processes."""

    name: str
    folder: Path
    running: subprocess.Popen[bytes]

    def stop(self, moment: str) -> None:
        """Have it stop itself before, within or after its next commit."""
        order = self.folder / f"order-{self.name}"
        order.write_text(moment)
        order.rename(self.folder / f"stop-{self.name}")
        until(self.is_stopped)

    def is_stopped(self) -> bool:
        told = os.waitid(os.P_PID, self.running.pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG)
        return told is not None and told.si_code == os.CLD_STOPPED

    def wake(self) -> None:
        self.running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()

    def worked(self) -> float:
        """Seconds for which it had a processor."""
        ticks = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def told(self) -> list[list[str]]:
        """What it has acknowledged."""
        return Lines(self.folder / f"told-{self.name}").new()

    def said(self) -> list[str]:
        """The lines of its log."""
        return (self.folder / f"said-{self.name}").read_text().splitlines()

    def goes_on(self, more: int = MORE) -> float:
        """Wait until it is told so much more; how long that took."""
        enough = len(self.told()) + more

        def has_gone_on() -> bool:
            assert self.running.poll() is None, self.said()
            return len(self.told()) >= enough

        return until(has_gone_on)


@attrs.frozen
class Place:
    """The store that they share."""

    folder: Path
    store: Sqlite

    def driver(self, name: str, backend: str) -> Driver:
        command = [sys.executable, "-m", "tests.runtime.stopped", str(self.folder), name, backend]
        with (self.folder / f"said-{name}").open("wb") as said:
            return Driver(name, self.folder, subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said))

    def lease(self) -> Lease:
        return self.store.lease()

    def owned_by(self, driver: Driver) -> bool:
        holder = Holder.read(self.lease().holder)
        return holder is not None and holder.process == driver.running.pid

    def made(self, after: int = 0) -> list[Made]:
        """All rows of histories, in the order in which they were committed."""
        query = "SELECT number, writer, epoch FROM made WHERE number > ? ORDER BY number"
        return self.store.database.all(query, after)

    def reigns(self) -> list[tuple[int, str]]:
        """Who wrote in which epoch, one after another."""
        return [reign for reign, _ in groupby((epoch, writer) for _, writer, epoch in self.made())]

    def enough(self, *drivers: Driver) -> None:
        """Have them come to an end."""
        (self.folder / "enough").touch()
        for driver in drivers:
            assert driver.running.wait(PATIENCE) == 0, driver.said()


@contextmanager
def two(folder: Path) -> Iterator[tuple[Place, Driver, Driver]]:
    """Two of them in the middle of it; the first owns the store."""
    with ExitStack() as stack:
        place = Place(folder, stack.enter_context(closing(Sqlite(str(folder / STORE)))))
        with place.store.database.transaction() as db:
            db.execute(MADE)
        ann, bob = drivers = place.driver("ann", "asyncio"), place.driver("bob", "trio")
        for driver in drivers:
            stack.callback(driver.kill)
        until(lambda: place.owned_by(ann) or place.owned_by(bob))
        if place.owned_by(bob):
            ann, bob = bob, ann
        for driver in drivers:
            driver.goes_on()
        yield place, ann, bob


def look(place: Place, *drivers: Driver) -> None:
    """All that was told is kept, nothing is torn, and no two wrote in turn."""
    assert place.store.database.mistakes() == []
    reigns = place.reigns()
    assert [epoch for epoch, _ in reigns] == sorted({epoch for epoch, _ in reigns}), reigns
    with closing(sqlite3.connect(place.store.path)) as db:
        unnoted = "SELECT instance, seq FROM history EXCEPT SELECT instance, seq FROM made"
        assert db.execute(unnoted).fetchall() == []
        assert db.execute("SELECT * FROM inbox WHERE answer IS NULL").fetchall() == []
    for driver in drivers:
        for line in driver.told():
            assert is_kept(place.store, *line), line


def is_kept(store: Sqlite, verb: str, of: str, what: str, seq: str = "") -> bool:
    """Whether what was told is so."""
    if verb == "started":
        card = store.request("parcel", of)
        return isinstance(card, Card) and card.id == what
    if verb == "ended":
        return [row["event"] for row in store.rows(of)] == STEPS
    record, row = store.key(of, what), next(store.rows(of, int(seq) - 1))
    return record is not None and record.receipt.seq == row["seq"] == int(seq) and row["event"] == what


def assert_all_have_ended(store: Sqlite) -> None:
    cards = store.cards(limit=1_000_000)
    assert {card.state for card in cards} == {"sent"}
    for card in cards:
        assert [(row["seq"], row["event"]) for row in store.rows(card.id)] == list(enumerate(STEPS, 1))


def is_told_once(driver: Driver, times: int = 1) -> bool:
    """Whether it was told so often, in a line each time, that somebody else owns the store."""
    return sum("another process owns the store now" in line for line in driver.said()) == times


# --- between commits


def test_who_was_stopped_for_longer_than_the_lease_keeps_nothing_and_goes_on_as_a_guest(tmp_path: Path) -> None:
    with two(tmp_path) as (place, ann, bob):
        for moment, owner, other in (("before", ann, bob), ("after", bob, ann)):
            owner.stop(moment)
            took = until(lambda other=other: place.owned_by(other))  # type: ignore[misc]  # bound early
            assert took < LEASE + AT_ONCE
            epoch = place.lease().epoch
            other.goes_on()
            (last, *_) = place.made()[-1]
            owner.wake()
            owner.goes_on()
            assert {(writer, at) for _, writer, at in place.made(last)} == {(other.name, epoch)}
            assert is_told_once(owner)
            print(f"{moment} a commit: taken over after {took:.1f} s")
        assert [writer for _, writer in place.reigns()] == [ann.name, bob.name, ann.name]
        place.enough(ann, bob)
        look(place, ann, bob)
        assert_all_have_ended(place.store)


# --- within a commit: nobody can take over, nor write, before it wakes or dies


def test_within_a_commit_nobody_can_take_over_and_when_it_wakes_the_commit_stands(tmp_path: Path) -> None:
    with two(tmp_path) as (place, ann, bob):
        ann.stop("within")
        before, (last, *_) = place.lease(), place.made()[-1]
        began, worked = time.monotonic(), bob.worked()
        assert_nobody_can_write_but_all_can_read(place)
        until(lambda: time.monotonic() - began > LEASE + 1)
        assert place.lease() == before
        assert bob.worked() - worked < (time.monotonic() - began) / 2, "it spins"
        assert bob.running.poll() is None
        ann.wake()
        ann.goes_on()
        bob.goes_on()
        assert place.made(last)[0][1:] == (ann.name, before.epoch)
        assert place.owned_by(ann)
        assert (ann.said(), bob.said()) == ([], [])
        place.enough(ann, bob)
        look(place, ann, bob)
        assert_all_have_ended(place.store)


def assert_nobody_can_write_but_all_can_read(place: Place) -> None:
    async def visit() -> None:
        async with Executor(place.store.path, patience=0.5) as guest:
            (card, *_) = await guest.list()
            with pytest.raises(StoreError, match="in use by another process"):
                await guest.send(card.id, "SEND")

    anyio.run(visit)


def test_when_it_dies_within_a_commit_others_take_over_at_once_and_nothing_of_that_is_kept(tmp_path: Path) -> None:
    with ExitStack() as stack, two(tmp_path) as (place, ann, bob):
        ann.stop("within")
        (last, *_) = place.made()[-1]
        ann.kill()
        took = until(lambda: place.owned_by(bob))
        assert took < AT_ONCE
        print(f"taken over after {took:.2f} s")
        bob.goes_on()
        assert {writer for _, writer, _ in place.made(last)} == {bob.name}
        look(place, ann, bob)
        again = place.driver(ann.name, "asyncio")  # asks for the same again, as who cannot know what was kept
        stack.callback(again.kill)
        again.goes_on(len(ann.told()) + MORE)
        place.enough(again, bob)
        look(place, again, bob)
        assert_all_have_ended(place.store)
