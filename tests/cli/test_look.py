"""`list`, `show`, `history`: what is there, for people and for programs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from tests.cli.support import Cli


@pytest.fixture
def opened(cli: Cli) -> str:
    """An instance that was started and got an event."""
    instance: str = cli("start", "door.yaml", "--input", '{"of": "oak"}', "--request-id", "R-1", "--json").json[
        "instance"
    ]
    cli("send", instance, "OPEN", "--data", '{"by": "ann"}')
    return instance


def test_list_shows_the_newest_first(cli: Cli, opened: str) -> None:
    job = cli("start", "job.yaml", "--json").json["instance"]
    said = cli("list")
    assert (said.code, said.err) == (0, "")
    head, first, second = said.out.splitlines()
    assert head.split() == ["instance", "machine", "state", "last", "step", "request"]
    assert first.split()[:3] == [job, "job", "waiting"]
    assert second.split()[:3] == [opened, "door", "open"]
    assert second.endswith("R-1")
    assert [card["instance"] for card in cli("list", "--json").json] == [job, opened]


def test_list_may_be_narrowed(cli: Cli, opened: str) -> None:
    cli("start", "job.yaml")
    assert [card["instance"] for card in cli("list", "--machine", "door", "--json").json] == [opened]
    assert [card["instance"] for card in cli("list", "--state", "open", "--json").json] == [opened]
    assert [card["machine"] for card in cli("list", "--limit", "1", "--json").json] == ["job"]
    assert cli("list", "--state", "nowhere").out == "no instances\n"
    assert cli("list", "--state", "nowhere", "--json").json == []


def test_a_listed_instance_says_all_that_is_known_without_loading_it(cli: Cli, opened: str) -> None:
    (card,) = cli("list", "--json").json
    times = card.pop("created"), card.pop("updated")
    assert times[0] <= times[1]
    assert card == {
        "instance": opened,
        "machine": "door",
        "state": "open",
        "done": False,
        "outcome": None,
        "requestId": "R-1",
        "due": None,
    }


def test_show_says_where_an_instance_is_and_what_it_may_do(cli: Cli, opened: str) -> None:
    document = cli("show", opened, "--json").json
    assert document["state"] == "open"
    assert document["allowed"] == ["CLOSE"]
    assert document["context"] == {"of": "oak", "by": "ann"}
    assert document["calls"] == document["timers"] == document["waiting"] == document["deferred"] == []
    facts = dict(line.split(maxsplit=1) for line in cli("show", opened).out.splitlines())
    assert facts["state"] == "open"
    assert facts["accepts"] == "CLOSE"
    assert facts["request"] == "R-1"
    assert facts["context"] == 'by: "ann"'
    assert facts["of:"] == '"oak"'


def test_show_says_what_an_instance_waits_for(cli: Cli) -> None:
    order = cli("start", "machines/order.yaml", "--json").json["instance"]
    cli("send", order, "VALIDATE")
    document = cli("show", order, "--json").json
    assert [call["handler"] for call in document["calls"]] == ["check-order"]
    (timer,) = document["timers"]
    assert timer["timer"] == "$timeout:validating"
    assert timer["at"] == document["due"] == document["updated"] + 30_000
    said = cli("show", order).out
    assert "waits for  check-order\n" in said
    assert "timers     $timeout:validating at " in said


def test_show_says_how_it_ended(cli: Cli, opened: str) -> None:
    cli("cancel", opened)
    assert "state      $cancelled (failure)" in cli("show", opened).out
    document = cli("show", opened, "--json").json
    assert (document["done"], document["outcome"]) == (True, "failure")


def test_history_has_a_row_a_step(cli: Cli, opened: str) -> None:
    first, second = cli("history", opened, "--json").json
    assert first["event"] == "$start"
    assert second.pop("at") >= first["at"]
    assert second == {
        "seq": 2,
        "event": "OPEN",
        "data": {"by": "ann"},
        "changes": [{"region": "main", "from": "closed", "to": "open", "attempt": 1}],
    }
    head, *lines = cli("history", opened).out.splitlines()
    assert head.split() == ["seq", "at", "event", "change"]
    assert lines[0].split()[2:] == ["$start", "·", "→", "closed", '{"of":"oak"}']
    assert lines[1].split()[2:] == ["OPEN", "closed", "→", "open", '{"by":"ann"}']


@pytest.mark.parametrize("verb", ["show", "history", "draw", "send", "cancel"])
def test_an_instance_that_is_not_there_is_told(verb: str, cli: Cli, opened: str) -> None:
    args = {"draw": ["door.yaml", "--instance", "door-0"], "send": ["door-0", "OPEN"]}.get(verb, ["door-0"])
    said = cli(verb, *args)
    assert said.code == 2
    assert said.err == "error: there is no instance door-0 in statewf.db; `statewf list` shows them\n"
    if verb != "draw":
        assert cli(verb, *args, "--json").codes == ["unknown-instance"]


def test_a_store_that_is_not_there_is_told_how_to_make(cli: Cli) -> None:
    said = cli("list", "--db", "orders.db")
    assert said.code == 2
    assert said.err == "error: there is no store orders.db; `statewf start` and `run` make one, --db says where\n"


def test_what_somebody_called_a_request_cannot_paint_on_the_terminal(cli: Cli) -> None:
    cli("start", "door.yaml", "--request-id", "\x1b[31mred\nand a line")
    said = cli("list")
    assert "\\x1b[31mred and a line" in said.out
    assert "\x1b" not in said.out


# --- damage in a file that opens

DAMAGE = {
    "no history": "DELETE FROM history",
    "rows that are no JSON": "UPDATE history SET body = '{'",
    "a machine that is no definition": "UPDATE machine SET definition = '{'",
    "no machine": "DELETE FROM machine",
    "no table": "DROP TABLE history",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told_and_never_a_traceback(damage: str, cli: Cli, opened: str) -> None:
    broken = sqlite3.connect("statewf.db", isolation_level=None)
    broken.execute(DAMAGE[damage])
    broken.close()
    for args in (["show", opened], ["draw", "door.yaml", "--instance", opened]):
        said = cli(*args)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("error: statewf.db")
        assert said.err.count("\n") == 1
    for args in (["list"], ["history", opened], ["send", opened, "CLOSE"]):
        assert cli(*args).code in (0, 1, 2)
        assert cli(*args, "--json").json is not None


def test_looking_changes_nothing(cli: Cli, opened: str, handlers: Callable[[str], str]) -> None:
    before = cli("history", opened, "--json").json
    for verb in ("list", "show", "history"):
        cli(verb, *([] if verb == "list" else [opened]))
    assert cli("history", opened, "--json").json == before
