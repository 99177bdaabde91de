"""The contract of every store, kept by each of them, and the same history from both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.errors import StoreConflict
from statewf.history import Card, KeyRecord, Memory, Sqlite, Store, forget
from statewf.history.port import KEPT, Wanted
from statewf.machine.events import Cancel, Event
from statewf.machine.fsm import Machine
from statewf.machine.record import receipt
from statewf.machine.replay import replay
from statewf.machine.snapshot import Snapshot, Step, blank
from statewf.machine.step import start, step
from statewf.values.canonical import compact
from tests.history.support import TOY, begun, entry, keep, record
from tests.worlds import happenings, machines


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = Memory() if request.param == "memory" else Sqlite(str(tmp_path / "s.db"))
    opened.deploy(record(TOY))
    yield opened
    opened.close()


def stepped(before: Step, event: Event | Cancel) -> Step:
    made = step(TOY, before.after, event)
    assert isinstance(made, Step)
    return made


def latest(store: Store, machine: Machine, instance: str) -> Snapshot:
    """Where an instance is, as a new owner finds it."""
    loaded = store.load(instance)
    assert loaded is not None
    snapshot = loaded.snapshot if loaded.snapshot is not None else blank(machine, instance)
    for made in replay(machine, loaded.events, snapshot):
        snapshot = made.after
    return snapshot


@given(st.data(), machines)
def test_both_stores_give_back_what_was_appended(given_data: st.DataObject, machine: Machine) -> None:
    memory, sqlite = Memory(), Sqlite(":memory:")
    stores: tuple[Store, ...] = (memory, sqlite)
    for each in stores:
        each.deploy(record(machine))
    first = start(machine, {"n": 0, "padding": "x" * 3000}, instance="i")
    made = [first]
    for _ in range(given_data.draw(st.integers(0, 10))):
        told = step(machine, made[-1].after, given_data.draw(happenings(machine, made[-1].after)))
        if isinstance(told, Step):
            made.append(told)
    cut = given_data.draw(st.integers(0, len(made)))
    for each in stores:
        keep(each, [entry(machine, one, request_id="r") for one in made[:cut]])
        keep(each, [entry(machine, one, request_id="r") for one in made[cut:]])
        assert latest(each, machine, "i") == made[-1].after
        assert list(each.events("i")) == [one.event for one in made]
    rows = [json.loads(compact(list(each.rows("i")))) for each in stores]
    assert rows[0] == rows[1]
    assert memory.card("i") == sqlite.card("i") == entry(machine, made[-1], request_id="r").card
    assert memory.busy() == sqlite.busy()
    assert memory.next_due(0) == sqlite.next_due(0)
    sqlite.close()


def test_a_batch_is_kept_whole_or_not_at_all(store: Store) -> None:
    first = begun("a")
    keep(store, [entry(TOY, first)])
    second = stepped(first, Event("GO"))
    third = stepped(second, Event("BACK"))
    with pytest.raises(StoreConflict, match="somebody else"):
        keep(store, [entry(TOY, begun("b")), entry(TOY, second), entry(TOY, second)])
    assert store.card("b") is None
    assert [row["seq"] for row in store.rows("a")] == [1]
    keep(store, [entry(TOY, second), entry(TOY, third)])
    assert [row["event"] for row in store.rows("a")] == ["$start", "GO", "BACK"]
    assert [row["event"] for row in store.rows("a", after=2)] == ["BACK"]


def test_whoever_is_late_is_named_and_not_the_others(store: Store) -> None:
    first, other = begun("a"), begun("b")
    keep(store, [entry(TOY, first), entry(TOY, other)])
    second = stepped(first, Event("GO"))
    keep(store, [entry(TOY, second)])
    with pytest.raises(StoreConflict) as late:
        keep(store, [entry(TOY, stepped(other, Event("GO"))), entry(TOY, second)])
    assert late.value.instance == "a"
    assert [row["event"] for row in store.rows("b")] == ["$start"]


def test_a_step_of_an_instance_that_was_never_started_is_a_conflict(store: Store) -> None:
    with pytest.raises(StoreConflict):
        keep(store, [entry(TOY, stepped(begun("a"), Event("GO")))])


def test_a_request_finds_its_instance_and_is_taken_once(store: Store) -> None:
    keep(store, [entry(TOY, begun("a"), request_id="r")])
    assert store.request("toy", "r") == store.card("a")
    assert store.request("toy", "other") is None
    assert store.request("other", "r") is None
    with pytest.raises(StoreConflict):
        keep(store, [entry(TOY, begun("b"), request_id="r")])
    keep(store, [entry(TOY, begun("c"), request_id="r", restart=True)])
    found = store.request("toy", "r")
    assert isinstance(found, Card)
    assert found.id == "c"


def test_keys_are_kept_with_their_receipts(store: Store) -> None:
    first = begun("a")
    second = stepped(first, Event("GO", key="k"))
    kept = KeyRecord("k", "digest", receipt(TOY, second))
    keep(store, [entry(TOY, first), entry(TOY, second, key=kept)])
    assert store.key("a", "k") == kept
    assert store.key("a", "other") is None
    assert store.key("b", "k") is None


def test_deadlines_come_in_order(store: Store) -> None:
    for name, at in (("late", 500), ("early", 100), ("middle", 300)):
        keep(store, [entry(TOY, begun(name, at))])
    assert store.next_due(0) == 1100
    assert store.due(1300, 10) == ["early", "middle"]
    assert store.due(9999, 1) == ["early"]
    assert store.due(1099, 10) == []
    gone = stepped(begun("early", 100), Event("GO"))
    keep(store, [entry(TOY, gone)])
    assert store.next_due(0) == 1300


def test_instances_are_listed_newest_first(store: Store) -> None:
    for name in ("a", "b", "c"):
        keep(store, [entry(TOY, begun(name))])
    keep(store, [entry(TOY, stepped(begun("b"), Event("GO")))])
    assert [card.id for card in store.cards()] == ["c", "b", "a"]
    assert [card.id for card in store.cards(state="a")] == ["c", "a"]
    assert [card.id for card in store.cards(name="toy", limit=2)] == ["c", "b"]
    assert store.cards(name="other") == []


texts = st.text('aAb%_\\é"', max_size=3)
sought = st.builds(
    Wanted,
    name=st.sampled_from([None, "toy", "other"]),
    state=st.sampled_from([None, "a", "b", "c"]),
    outcome=st.sampled_from([None, "", "success", "failure"]),
    text=st.none() | texts,
    since=st.none() | st.integers(0, 5),
    until=st.none() | st.integers(0, 5),
)
lives = st.tuples(
    st.none() | texts.map("r{}".format), texts, st.sampled_from(["toy", "other"]), st.integers(0, 5), st.booleans()
)


@given(
    st.lists(lives, max_size=8, unique_by=lambda life: life[0] or life),
    sought,
    st.integers(0, 9),
    st.integers(1, 9),
)
def test_both_stores_find_the_same(
    lives: list[tuple[str | None, str, str, int, bool]], wanted: Wanted, before: int, limit: int
) -> None:
    memory, sqlite = Memory(), Sqlite(":memory:")
    for store in (memory, sqlite):
        store.deploy(record(TOY))
        for number, (request_id, text, name, created, ended) in enumerate(lives, 1):
            first = start(TOY, {"text": text}, instance=f"i{number}")
            made = [first, *([stepped(first, Cancel())] if ended else [])]
            for one in made:
                kept = entry(TOY, one, request_id=request_id, created=created)
                keep(store, [kept._replace(card=kept.card._replace(number=number, name=name))])
    for older in (None, before):
        found = [memory.search(wanted, before=older, limit=limit), sqlite.search(wanted, before=older, limit=limit)]
        assert found[0] == found[1]
    assert memory.census() == sqlite.census()
    assert memory.since(before, limit) == sqlite.since(before, limit)
    assert memory.last() == sqlite.last()
    sqlite.close()


def test_what_is_sought_is_found(store: Store) -> None:
    for name in ("a", "b", "c"):
        keep(store, [entry(TOY, begun(name), request_id=f"50%-{name}", created=ord(name))])
    moved = stepped(begun("b"), Event("GO"))
    keep(store, [entry(TOY, moved, request_id="50%-b", created=ord("b"))])
    found = {
        "a b c": Wanted(),
        "b": Wanted(state="b"),
        "c": Wanted(text="50%-C"),
        "": Wanted(text="50_"),
        "b c": Wanted(since=ord("b")),
        "a": Wanted(until=ord("b")),
    }
    for names, wanted in found.items():
        assert [card.id for card in store.search(wanted)] == names.split()[::-1]
    assert [card.id for card in store.search(Wanted(), before=store.search(Wanted())[1].number)] == ["a"]
    assert store.census() == [("toy", "a", "", 2), ("toy", "b", "", 1)]


def test_steps_come_in_the_order_in_which_they_were_kept(store: Store) -> None:
    first, second = begun("a"), begun("b")
    keep(store, [entry(TOY, first), entry(TOY, second)])
    keep(store, [entry(TOY, stepped(first, Event("SAY")))])
    told = store.since(0, 10)
    assert [(one.place, one.instance, one.name, one.row["seq"]) for one in told] == [
        (1, "a", "toy", 1),
        (2, "b", "toy", 1),
        (3, "a", "toy", 2),
    ]
    assert told[2].row == list(store.rows("a"))[1]
    assert store.since(1, 1) == told[1:2]
    assert store.since(3, 10) == []
    assert store.last() == 3


def test_machines_are_found_by_digest_and_the_last_deployed_by_name(store: Store) -> None:
    assert store.machine(TOY.digest) == record(TOY) == store.current("toy")
    assert store.names() == ["toy"]
    assert store.machine("none") is None
    assert store.current("none") is None


def test_emitted_events_wait_for_their_subscribers(store: Store) -> None:
    store.subscribe("mail", "Said")
    first = begun("a")
    second = stepped(first, Event("SAY", {"n": 2}, 5))
    keep(store, [entry(TOY, first), entry(TOY, second)])
    told = store.undelivered("mail", "Said", 10)
    assert [(one.id, one.instance, one.event, one.data, one.at) for one in told] == [
        ("a/1/0", "a", "Said", {"n": 1}, 0),
        ("a/2/0", "a", "Said", {"n": 2}, 5),
    ]
    store.delivered("mail", "Said", told[0].number)
    assert store.undelivered("mail", "Said", 10) == told[1:]
    store.subscribe("audit", "Said")  # somebody who comes later is told all that is still kept
    assert store.undelivered("audit", "Said", 1) == told[:1]
    assert store.purge(0, 10) == 0
    store.delivered("audit", "Said", told[1].number)
    assert store.purge(0, 10) == 1
    assert store.undelivered("mail", "Said", 10) == told[1:]


def test_what_nobody_asked_for_is_forgotten_in_the_end(store: Store) -> None:
    keep(store, [entry(TOY, begun("a", 10))])
    assert store.purge(10 + KEPT - 1, 10) == 0
    assert store.purge(10 + KEPT, 10) == 1


def test_the_order_of_very_old_steps_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget, "LOGGED", 2)
    store = Sqlite(str(tmp_path / "s.db"))
    store.deploy(record(TOY))
    for name in ("a", "b", "c", "d", "e"):
        keep(store, [entry(TOY, begun(name))])
    assert store.purge(0, 2) == 2
    assert [one.place for one in store.since(0, 10)] == [3, 4, 5]
    store.purge(0, 2)
    assert [one.place for one in store.since(0, 10)] == [4, 5]
    assert store.last() == 5
    store.close()
