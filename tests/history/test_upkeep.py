"""Archives, copies and the search for damage, on stores that somebody else writes to meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Event as Flag
from threading import Timer
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.errors import Archived, EventRejected, StoreBusy, StoreError, UnknownInstance
from statewf.history import Grave, KeyRecord, Sqlite, database, upkeep
from statewf.history.damage import Finding, verify
from statewf.history.upkeep import archive, copy, ended
from statewf.machine.events import AnyEvent, Cancel, Event
from statewf.machine.fsm import Machine
from statewf.machine.record import receipt
from statewf.machine.snapshot import Step
from statewf.machine.step import start, step
from statewf.runtime import Executor
from statewf.runtime.machines import Machines
from statewf.simulator import simulate
from tests.flows import LONG, Flow, flows
from tests.history.support import TOY, begun, entry, keep, owned, record
from tests.runtime.support import DOOR, EPOCH, machine
from tests.worlds import happenings, machines

LAST = machine("""
name: last
initialState: on
states:
  on: {on: {END: off}}
  off:
    onEntry: {type: function, handler: clear, retryPolicy: {maxAttempts: 2, baseDelay: 5s}}
    terminal: true
""")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "s.db")


@pytest.fixture
def store(path: str) -> Iterator[Sqlite]:
    with closing(Sqlite(path)) as opened:
        opened.deploy(record(TOY))
        yield opened


def lived(instance: str, at: int = 0, *, says: int = 0, request_id: str | None = None, **first: Any) -> list[Any]:
    """The steps of an instance that was cancelled at that time."""
    made = [begun(instance, at)]
    events: list[AnyEvent] = [*(Event("SAY", {"n": n}, at) for n in range(says)), Cancel(at)]
    for told in events:
        after = step(TOY, made[-1].after, told)
        assert isinstance(after, Step)
        made.append(after)
    return [entry(TOY, one, request_id=request_id, **(first if one is made[0] else {})) for one in made]


def gone(store: Sqlite, before: int, **options: Any) -> int:
    return sum(archive(store, before, **options))


def names(store: Sqlite) -> list[str]:
    return sorted(card.id for card in store.cards())


def found(store: Sqlite, *, quick: bool = False) -> list[Finding]:
    return list(verify(store, Machines(store).get, quick=quick))


# --- archive


def test_what_ended_by_then_goes_and_nothing_else(store: Sqlite) -> None:
    for name, at in (("early", 100), ("just", 200), ("late", 201)):
        keep(store, lived(name, at))
    keep(store, [entry(TOY, begun("runs", 50))])
    assert ended(store, 200) == 2
    assert list(archive(store, 200)) == [2]
    assert names(store) == ["late", "runs"]
    assert list(archive(store, 200)) == []
    assert gone(store, 10**15) == 1
    assert names(store) == ["runs"]
    assert found(store) == []


def test_nothing_is_left_but_what_others_still_wait_for(store: Sqlite) -> None:
    store.subscribe("mail", "Said")
    steps = lived("a", says=200)  # enough for a snapshot
    key = KeyRecord("k", "digest", receipt(TOY, steps[1].step))
    keep(store, [steps[0], steps[1]._replace(key=key), *steps[2:]])
    store.database.all("INSERT INTO task VALUES (1, 'a/t/1', 'a', 'null', '[]')")
    assert gone(store, 0) == 1
    for table in ("instance", "history", "snapshot", "event_key", "task", "request", "grave"):
        assert store.database.one(f"SELECT count(*) FROM {table}") == (0,), table
    assert len(store.undelivered("mail", "Said", 1_000)) == 201
    assert store.current("toy") is not None
    assert list(store.rows("a")) == []
    assert store.key("a", "k") is None


def test_a_request_leaves_behind_how_it_ended(store: Sqlite) -> None:
    keep(store, [*lived("a", 5, request_id="r"), *lived("b", 5)])
    assert gone(store, 5) == 2
    assert store.request("toy", "r") == store.grave("a") == Grave("a", "$cancelled", "failure", 5)
    assert store.grave("b") is None


def test_a_run_that_was_followed_leaves_the_request_to_its_successor(store: Sqlite) -> None:
    keep(store, lived("first", 1, request_id="r"))
    keep(store, lived("second", 9, request_id="r", restart=True))
    assert gone(store, 5) == 1
    found = store.request("toy", "r")
    assert isinstance(found, tuple)
    assert found.id == "second"  # type: ignore[union-attr]  # a card, then
    assert store.grave("first") is None
    assert gone(store, 9) == 1
    assert store.request("toy", "r") == Grave("second", "$cancelled", "failure", 9)


def test_the_successor_may_be_archived_first(store: Sqlite) -> None:
    keep(store, lived("first", 9, request_id="r"))
    keep(store, lived("second", 1, request_id="r", restart=True))
    assert gone(store, 5) == gone(store, 9) == 1
    assert store.request("toy", "r") == Grave("second", "$cancelled", "failure", 1)


def test_a_new_run_of_a_failed_one_has_no_grave(store: Sqlite) -> None:
    keep(store, lived("a", request_id="r"))
    gone(store, 0)
    keep(store, lived("b", request_id="r", restart=True))
    assert store.grave("a") is None
    assert store.request("toy", "r") == store.card("b")


def test_nobody_is_taken_for_what_is_gone(path: str, store: Sqlite) -> None:
    old = lived("z", says=2)
    keep(store, old)
    last = store.last()
    gone(store, 0)
    assert (store.since(0, 10), store.last()) == ([], last)
    with closing(Sqlite(path)) as again:
        assert again.number() == old[0].card.number + 1
    keep(store, [entry(TOY, begun("zz"))])
    assert [(kept.place, kept.instance) for kept in store.since(0, 10)] == [(last + 1, "zz")]


# --- what is kept of it elsewhere


def test_each_is_handed_over_before_it_goes(store: Sqlite) -> None:
    keep(store, [*lived("a", 7, says=2, request_id="r"), *lived("b", 8)])
    given: list[dict[str, Any]] = []

    def take(documents: Sequence[dict[str, Any]]) -> None:
        assert names(store) == ["a", "b"]
        given.extend(documents)

    assert gone(store, 8, keep=take) == 2
    first, second = given
    history = first.pop("history")
    assert [(row["seq"], row["event"]) for row in history] == [
        (1, "$start"),
        (2, "SAY"),
        (3, "SAY"),
        (4, "$cancel"),
    ]
    assert first == {
        "instance": "a",
        "machine": "toy",
        "digest": TOY.digest,
        "requestId": "r",
        "inputs": {"n": 1},
        "created": 0,
        "updated": 7,
        "seq": 4,
        "state": "$cancelled",
        "outcome": "failure",
    }
    assert (second["instance"], second["requestId"]) == ("b", None)


def test_what_could_not_be_handed_over_stays(store: Sqlite) -> None:
    keep(store, lived("a"))

    def full(_: object) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        gone(store, 0, keep=full)
    assert names(store) == ["a"]
    assert found(store) == []


def test_damaged_rows_hold_up_nothing_and_are_handed_over_as_they_are(store: Sqlite) -> None:
    keep(store, lived("a"))
    store.database.all("UPDATE history SET body = '{' WHERE seq = 2")
    store.database.all("UPDATE instance SET inputs = '['")
    given: list[dict[str, Any]] = []
    assert gone(store, 0, keep=given.extend) == 1
    assert (given[0]["inputs"], given[0]["history"][1]) == ("[", "{")


# --- a bit at a time


def test_so_many_go_at_once_and_no_more(store: Sqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "AT_ONCE", 3)
    for number in range(7):
        keep(store, lived(f"i{number}", number))
    assert list(archive(store, 10)) == [3, 3, 1]
    monkeypatch.setattr(upkeep, "AT_ONCE", 100)
    monkeypatch.setattr(upkeep, "ROWS_AT_ONCE", 20)
    for number, says in enumerate((3, 3, 3, 3, 50, 3, 3)):
        keep(store, lived(f"j{number}", number, says=says))
    assert list(archive(store, 10)) == [4, 1, 2]
    assert found(store) == []


def test_those_that_may_not_go_are_passed_over(store: Sqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "AT_ONCE", 2)
    for number in range(6):
        keep(store, lived(f"i{number}", 5))
    store.database.all("UPDATE instance SET busy = 1 WHERE id IN ('i0', 'i1', 'i3')")
    assert list(archive(store, 10)) == [2, 1]
    assert names(store) == ["i0", "i1", "i3"]


def test_the_index_finds_them(store: Sqlite) -> None:
    asked: list[str] = []
    store.database.connection.set_trace_callback(asked.append)
    list(archive(store, 10))
    store.database.connection.set_trace_callback(None)
    (query,) = asked
    plan = [told for *_, told in store.database.all(f"EXPLAIN QUERY PLAN {query}")]
    assert plan == ["SEARCH instance USING INDEX instance_ended (updated>? AND updated<?)"]


def test_two_archives_at_once_share_the_work(path: str, store: Sqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "AT_ONCE", 5)
    for number in range(200):
        keep(store, lived(f"i{number:03}", number, request_id=f"r{number}"))

    def work() -> int:
        with closing(Sqlite(path)) as opened:
            return gone(opened, 1_000)

    with ThreadPoolExecutor(2) as threads:
        counts = [threads.submit(work) for _ in range(2)]
        assert sum(count.result() for count in counts) == 200
    assert store.cards() == []
    assert store.database.one("SELECT count(*) FROM grave") == (200,)


def test_while_somebody_writes_it_is_tried_again(path: str, store: Sqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(store, lived("a"))
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(database, "LONG", 10)
        with pytest.raises(StoreBusy, match="in use"):
            gone(store, 0)
        monkeypatch.undo()
        timer = Timer(0.3, other.execute, ["ROLLBACK"])
        timer.start()
        assert gone(store, 0) == 1
        timer.join()


# --- beside an owner


@pytest.mark.anyio
async def test_the_owner_goes_on(path: str) -> None:
    async with Executor(path, clock=lambda: EPOCH) as owner:
        await owner.deploy(DOOR)
        with closing(Sqlite(path)) as store:
            for number in range(30):
                door = await owner.start("door", {"n": number}, request_id=f"D-{number}")
                await owner.cancel(door.id)
                open_door = await owner.start("door", {"n": number})
                assert gone(store, EPOCH) == 1
                await open_door.send("OPEN")
            assert len(store.cards(state="open")) == 30
            with pytest.raises(EventRejected, match="terminal"):  # it is still in memory
                await owner.send(door.id, "OPEN")
            with pytest.raises(Archived, match=f"{door.id} ended in .cancelled"):
                await owner.start("door", {"n": 29}, request_id="D-29")
            again = await owner.start("door", {"n": 30}, request_id="D-29", restart=True)
            assert (await owner.start("door", {"n": 30}, request_id="D-29")).id == again.id
            assert found(store) == []
    async with Executor(path) as owner:
        with pytest.raises(UnknownInstance):
            await owner.get(door.id)
        with pytest.raises(Archived):
            await owner.start("door", {"n": 1}, request_id="D-1")


@pytest.mark.anyio
async def test_what_still_runs_after_its_end_stays(path: str) -> None:
    now = EPOCH

    def fails(_: object) -> None:
        raise OSError("not yet")

    async with Executor(path, clock=lambda: now) as owner:
        await owner.deploy(LAST)
        instance = await owner.start("last")
        await instance.send("END")
        assert instance.done
    with closing(Sqlite(path)) as store:
        assert ended(store, EPOCH) == 0  # its action is still to be performed
    async with Executor(path, {"clear": fails}, clock=lambda: now) as owner:
        await owner.until(instance.id, lambda kept: bool(kept.flight.deadlines))
    with closing(Sqlite(path)) as store:
        assert ended(store, EPOCH) == 0  # and to be tried again
    now += 5_000
    async with Executor(path, {"clear": fails}, clock=lambda: now) as owner:
        await owner.until(instance.id, lambda kept: not kept.flight.deadlines and not kept.flight.calls)
    with closing(Sqlite(path)) as store:
        assert ended(store, EPOCH + 5_000) == 1


# --- copies


def test_a_copy_is_a_store_that_nobody_owns(path: str, store: Sqlite, tmp_path: Path) -> None:
    keep(store, [*lived("a", request_id="r"), entry(TOY, begun("b"))])
    assert store.ask({"verb": "start"}, 0) is not None  # type: ignore[arg-type]  # no request, and none is read
    target = str(tmp_path / "copy.db")
    copy(store, target)
    assert store.lease().holder
    with closing(Sqlite(target, create=False)) as copied:
        assert copied.lease().holder == ""
        assert copied.asked(0, 10) == []
        assert names(copied) == ["a", "b"]
        assert copied.request("toy", "r") == copied.card("a")
        assert found(copied) == []
        keep(copied, lived("c"))
    assert names(store) == ["a", "b"]
    assert not list(tmp_path.glob("copy.db?*"))


def test_how_far_a_copy_is_can_be_followed(store: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PAGES", 4)
    keep(store, lived("a", says=500))
    told: list[tuple[int, int]] = []
    copy(store, str(tmp_path / "copy.db"), lambda done, every: told.append((done, every)))
    assert len(told) > 5
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]


def test_who_writes_meanwhile_is_not_held_up_and_the_copy_is_of_one_moment(
    path: str, store: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page at a time, while another connection commits at each: without a transaction it would never end."""
    monkeypatch.setattr(database, "PAGES", 1)
    for number in range(100):
        keep(store, lived(f"i{number:03}"))
    target = str(tmp_path / "copy.db")
    with closing(Sqlite(path)) as reader:
        written: list[str] = []

        def write(_: int, __: int) -> None:
            written.append(f"j{len(written):03}")
            keep(store, lived(written[-1]))

        copy(reader, target, write)
    assert len(written) > 10
    with closing(Sqlite(target)) as copied:
        assert names(copied) == [f"i{number:03}" for number in range(100)]
        assert found(copied) == []
    assert len(names(store)) == 100 + len(written)


def test_copies_of_a_store_that_threads_write_to(path: str, store: Sqlite, tmp_path: Path) -> None:
    over = Flag()

    def write() -> int:
        with closing(Sqlite(path)) as writer:
            number, epoch = 0, owned(writer)
            while not over.is_set():
                with suppress(StoreBusy):
                    writer.append(lived(f"{number:06}", says=3, request_id=f"r{number}"), epoch)
                    number += 1
            return number

    with ThreadPoolExecutor(1) as threads:
        written = threads.submit(write)
        try:
            for number in range(5):
                target = str(tmp_path / f"{number}.db")
                copy(store, target)
                with closing(Sqlite(target)) as copied:
                    there = names(copied)
                    first = int(there[0]) if there else 0  # what was written before the last round is archived
                    assert there == [f"{first + n:06}" for n in range(len(there))]
                    assert found(copied) == []
                gone(store, 0)
                assert found(store, quick=True) == []
        finally:
            over.set()
        assert written.result() > 0


def test_a_copy_of_what_is_damaged_is_refused(path: str, store: Sqlite, tmp_path: Path) -> None:
    keep(store, lived("a"))
    store.close()
    spoil_index(path)
    with closing(Sqlite(path)) as opened, pytest.raises(StoreError, match="is damaged, and so is the copy"):
        copy(opened, str(tmp_path / "copy.db"))


def test_a_place_that_is_none_is_told(store: Sqlite, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"copying .*s.db to .*copy.db: cannot be opened") as error:
        copy(store, str(tmp_path / "none" / "copy.db"))
    assert "\n" not in str(error.value)


# --- damage


def spoil_index(path: str) -> None:
    """An index that lacks a row of its table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'instance_ended'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    content = bytearray(Path(path).read_bytes())
    at = (page - 1) * size
    content[at + 3 : at + 5] = b"\0\0"  # the number of cells
    Path(path).write_bytes(bytes(content))


DAMAGES = {
    "no json": ("UPDATE history SET body = '{' WHERE seq = 2 AND instance = {a}", "history"),
    "another event": ("UPDATE history SET body = replace(body, 'SAY', 'FLY') WHERE instance = {a}", "history"),
    "no start": ("DELETE FROM history WHERE instance = {a} AND seq = 1", "history"),
    "a row is missing": ("DELETE FROM history WHERE instance = {a} AND seq = 3", "card"),
    "a row too many": ("UPDATE instance SET seq = seq - 1 WHERE id = 'a'", "card"),
    "another state": ("UPDATE instance SET state = 'c' WHERE id = 'a'", "card"),
    "it has ended": ("UPDATE instance SET ended = 'success' WHERE id = 'a'", "card"),
    "a deadline": ("UPDATE instance SET due = due + 1 WHERE id = 'a'", "card"),
    "no deadline": ("UPDATE instance SET due = NULL WHERE id = 'a'", "card"),
    "an open call": ("UPDATE instance SET busy = 1 WHERE id = 'a'", "card"),
    "a task": ('INSERT INTO task VALUES (9, \'t\', \'a\', \'"ann"\', \'["t","a","s","ann",{},null]\')', "tasks"),
    "no inputs": ("UPDATE instance SET inputs = '[' WHERE id = 'a'", "unreadable"),
    "a snapshot that is none": ("UPDATE snapshot SET body = '[]'", "snapshot"),
    "a snapshot of elsewhere": ("UPDATE snapshot SET body = replace(body, '[\"a\",', '[\"b\",')", "snapshot"),
    "a snapshot of later": ("UPDATE snapshot SET seq = seq + 1", "snapshot"),
    "a definition that is none": ("UPDATE machine SET definition = '{'", "machine"),
    "another definition": ("UPDATE machine SET definition = replace(definition, '1000', '2000')", "machine"),
    "no machine": ("UPDATE instance SET machine = 'none' WHERE id = 'a'", "machine"),
    "a task of nobody": ("INSERT INTO task VALUES (9, 't', 'nobody', 'null', '[]')", "dangling"),
    "a request of nobody": ("INSERT INTO request VALUES ('toy', 'x', 'nobody')", "dangling"),
    "rows of nobody": ("INSERT INTO history VALUES (77, 1, '{}')", "dangling"),
}


def damaged(store: Sqlite, what: str) -> str:
    """Two instances, one of which is damaged; what that is to be found as."""
    made = [begun("a")]
    while len(made) < 60:
        made.append(_said(made[-1]))
    keep(store, [entry(TOY, one, request_id="r") for one in made])
    keep(store, lived("b"))
    statement, rule = DAMAGES[what]
    number = store.card("a").number  # type: ignore[union-attr]  # it is there
    assert found(store) == []
    store.database.all(statement.replace("{a}", str(number)))
    assert store.database.one("SELECT changes()") >= (1,)
    return rule


def _said(before: Step) -> Step:
    made = step(TOY, before.after, Event("SAY", {"text": "x" * 50}))
    assert isinstance(made, Step)
    return made


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_found_and_where(store: Sqlite, what: str) -> None:
    rule = damaged(store, what)
    told = found(store)
    assert rule in {finding.rule for finding in told}
    for finding in told:
        assert finding.where in ("a", "toy", store.path)
        assert finding.severity == "error"
        assert "\n" not in finding.message
    if rule not in ("dangling", "machine"):
        assert {finding.where for finding in told} == {"a"}
        assert found(store, quick=True) == []


def test_an_index_that_lacks_rows_is_found(path: str, store: Sqlite) -> None:
    keep(store, lived("a"))
    store.close()
    spoil_index(path)
    with closing(Sqlite(path, as_it_is=True)) as opened:
        assert {finding.rule for finding in found(opened)} == {"pages"}


def test_pages_that_were_overwritten_are_found(path: str, store: Sqlite) -> None:
    for number in range(200):
        keep(store, lived(f"i{number}"))
    store.close()
    content = bytearray(Path(path).read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    Path(path).write_bytes(bytes(content))
    with closing(Sqlite(path, as_it_is=True)) as opened:
        told = found(opened)
    assert {"pages", "unreadable"} >= {finding.rule for finding in told} > set()
    assert all("\n" not in finding.message for finding in told)


def test_what_an_earlier_meaning_made_is_no_damage(store: Sqlite) -> None:
    keep(store, lived("a"))
    store.database.all("UPDATE machine SET semantics = 0")
    (finding,) = found(store)
    assert (finding.rule, finding.where, finding.severity) == ("other-semantics", "toy", "warning")


def test_how_far_it_is_can_be_followed(store: Sqlite) -> None:
    for number in range(5):
        keep(store, lived(f"i{number}"))
    told: list[tuple[int, int]] = []
    assert list(verify(store, Machines(store).get, moved=lambda done, every: told.append((done, every)))) == []
    assert told == [(number, 5) for number in range(1, 6)]


def kept_whole(machine: Machine, made: Sequence[Step]) -> None:
    """What a store keeps of these steps is sound, with a snapshot after each, some or none of them."""
    for most in (-1, 300, 10**9):
        with closing(Sqlite(":memory:")) as store:
            store.database.all("ALTER TABLE instance RENAME COLUMN most TO was")
            store.database.all(f"ALTER TABLE instance ADD COLUMN most INTEGER NOT NULL DEFAULT {most}")
            store.deploy(record(machine))
            for one in made:
                keep(store, [entry(machine, one)])
            assert list(verify(store, {machine.digest: machine}.__getitem__)) == []


@given(st.data(), machines)
def test_whatever_happens_to_a_machine_is_sound(given_data: st.DataObject, machine: Machine) -> None:
    made = [start(machine, {"n": 0}, instance="i")]
    for _ in range(given_data.draw(st.integers(0, 10))):
        told = step(machine, made[-1].after, given_data.draw(happenings(machine, made[-1].after)))
        if isinstance(told, Step):
            made.append(told)
    kept_whole(machine, made)


@given(flows(rich=True), st.integers(0, 5 * LONG))
def test_whatever_happens_to_a_workflow_is_sound(flow: Flow, cancelled: int) -> None:
    machine = compile_definition(flow.workflow)
    made = simulate(machine, attrs.evolve(flow.scenario(), events=(Cancel(cancelled),))).steps
    kept_whole(machine, made)
