"""`forecast`, `simulate --runs`, `stats`, and the time left in `show`: for people and for programs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.support import Cli

SHOP = """
name: shop
initialState: open
states:
  open: { on: { PAY: paying, LEAVE: gone } }
  paying: { invoke: charge, on: { PAID: paid, DECLINED: open }, timeout: 10s, timeoutTransition: gone }
  paid: { terminal: true }
  gone: { terminal: true, outcome: failure }
pricing: { model: per-execution, rate: 2, stepRates: { paying: 0.5 } }
"""
ASSUMED = """
handlers: { charge: { answers: { PAID: 0.75, DECLINED: 0.25 }, after: 2s } }
events: { PAY: { after: 1m }, LEAVE: { chance: 0.2, after: 30s } }
"""


@pytest.fixture
def shop(folder: Path) -> Path:
    (folder / "shop.yaml").write_text(SHOP)
    (folder / "assumed.yaml").write_text(ASSUMED)
    return folder


def test_a_forecast_tells_ends_times_prices_and_what_it_depends_on(cli: Cli, shop: Path) -> None:
    said = cli("forecast", "shop.yaml", "--assume", "assumed.yaml")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "shop: 75 % end well (exact)"
    told = [" ".join(line.split()) for line in lines]
    assert told[1:3] == ["end likely mean 50 % 90 % 99 %", "paid success 75 % 1m 17s 1m 2s 2m 4s 3m 6s"]
    assert told[3].startswith("gone failure 25 % 45.5s")
    assert told[6:10] == [
        "costs USD mean 50 % 90 % 99 %",
        "paid 2.62 2.50 3.00 3.50",
        "gone 0.00 0.00 0.00 0.00",
        "all that end 1.97 2.50 3.00 3.50",
    ]
    assert "fails: gone from open 25 %" in said.out
    assert "not said" not in said.out
    assert (
        "not said, so taken to go well at once, or as likely as others: events.PAY, events.LEAVE"
        in cli("forecast", "shop.yaml").out
    )


def test_the_same_as_a_document(cli: Cli, shop: Path) -> None:
    found = cli("forecast", "shop.yaml", "--assume", "assumed.yaml", "--json").json
    assert (found["machine"], found["method"], found["runs"]) == ("shop", "exact", None)
    assert found["success"] == pytest.approx(0.75)
    ends = {end["state"]: end for end in found["ends"]}
    assert ends["paid"]["probability"] == pytest.approx(0.75)
    assert ends["paid"]["duration"]["p50"] == 62_000
    assert ends["gone"]["price"]["greatest"] == "0.00"
    cases = {case["state"]: case for case in found["cases"]}
    assert cases["paid"]["duration"] == {"least": 60_000, "greatest": None}  # PAID may come from elsewhere, too
    assert cases["paid"]["price"] == {"least": "2.50", "greatest": None}


def test_lives_are_drawn_by_a_seed_and_shown_as_bars(cli: Cli, shop: Path) -> None:
    drawn = cli("simulate", "shop.yaml", "--assume", "assumed.yaml", "--runs", "500", "--seed", "3")
    assert (drawn.code, drawn.err) == (0, "")
    assert drawn.out.startswith("shop: ")
    assert "(500 lives, seed 3)" in drawn.out
    assert "█" in drawn.out
    assert drawn.out == cli("simulate", "shop.yaml", "--assume", "assumed.yaml", "--runs", "500", "--seed", "3").out
    found = cli("simulate", "shop.yaml", "--assume", "assumed.yaml", "--runs", "500", "--json").json
    assert (found["method"], found["runs"], found["seed"]) == ("simulated", 500, 1)
    assert sum(part["share"] for part in found["histogram"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "Say --scenario FILE for one run, or --runs N for many."),
        (["--runs", "5", "--scenario", "s.yaml"], "Say --scenario FILE for one run, or --runs N for many."),
        (["--scenario", "s.yaml", "--seed", "1"], "--seed goes with --runs"),
        (["--scenario", "s.yaml", "--assume", "assumed.yaml"], "--assume goes with --runs"),
        (["--scenario", "s.yaml", "--from-history"], "--from-history goes with --runs"),
        (["--runs", "0"], "0 is not in the range"),
    ],
)
def test_options_that_do_not_go_together_are_told(cli: Cli, shop: Path, options: list[str], told: str) -> None:
    said = cli("simulate", "shop.yaml", *options)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_wrong_assumptions_are_told_with_line_and_hint(cli: Cli, shop: Path) -> None:
    (shop / "wrong.yaml").write_text("handlers: { chrge: 0.5 }\nevents: { PAY: 2 }\n")
    for verb in (("forecast", "shop.yaml"), ("simulate", "shop.yaml", "--runs", "5")):
        said = cli(*verb, "--assume", "wrong.yaml")
        assert (said.code, said.out) == (2, "")
        assert "wrong.yaml:1" in said.err
        assert "did you mean charge?" in said.err
        assert "wrong.yaml:2" in said.err
    missing = cli("forecast", "shop.yaml", "--assume", "nowhere.yaml")
    assert missing.code == 2
    assert "nowhere.yaml" in missing.err


def run_some(cli: Cli, folder: Path) -> None:
    (folder / "till.py").write_text("import statewf as wf\n\ndef charge(call):\n    return wf.Event('PAID')\n")
    for events in ("PAY", "PAY", "PAY", "LEAVE"):
        cli("run", "shop.yaml", "--handlers", "till", "--events", events)


def test_a_forecast_learns_from_the_store(cli: Cli, shop: Path) -> None:
    said = cli("forecast", "shop.yaml", "--from-history")
    assert said.code == 2
    assert "there is no store" in said.err
    run_some(cli, shop)
    found = cli("forecast", "shop.yaml", "--from-history", "--json").json
    assert found["seen"] == {"handlers.charge": 3, "states.open": 4, "states.paying": 3}
    ends = {(end["state"], end["outcome"]): end["probability"] for end in found["ends"]}
    assert 0.6 < ends["paid", "success"] < 0.75
    assert ends["gone", "failure"] > 0.25  # LEAVE, and a charge that may fail although none did
    assert (
        "learnt from: handlers.charge 3, states.open 4, states.paying 3"
        in cli("forecast", "shop.yaml", "--from-history").out
    )
    drawn = cli("simulate", "shop.yaml", "--from-history", "--runs", "100").out
    assert drawn.startswith("shop: ")
    assert "learnt from: handlers.charge 3" in drawn
    (shop / "other.yaml").write_text(SHOP.replace("name: shop", "name: other"))
    nobody = cli("forecast", "other.yaml", "--from-history")
    assert nobody.code == 2
    assert "no instances of other" in nobody.err


def test_stats_tell_of_states_ways_and_handlers(cli: Cli, shop: Path) -> None:
    run_some(cli, shop)
    said = cli("stats")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("shop: 4 instances: 3 paid (success), 1 gone (failure)\n")
    words = [line.split() for line in said.out.splitlines()]
    assert ["open", "paying", "PAY", "3", "75", "%"] in words
    assert any(line[:2] == ["charge", "3"] and line[-3:] == ["3", "answered", "PAID"] for line in words)
    (found,) = cli("stats", "--machine", "shop", "--json").json
    assert (found["instances"], found["running"]) == (4, 0)
    assert {place["name"]: place["visits"] for place in found["places"]} == {
        "open": 4,
        "paying": 3,
        "paid": 3,
        "gone": 1,
    }
    (newest,) = cli("stats", "--limit", "1", "--json").json
    assert newest["instances"] == 1
    unknown = cli("stats", "--machine", "nobody")
    assert (unknown.code, unknown.out) == (2, "")


def test_show_tells_the_time_that_is_left_or_that_nobody_knows(cli: Cli, shop: Path) -> None:
    first = cli("start", "shop.yaml", "--json").json["instance"]
    assert "time left  unknown" in cli("show", first).out
    assert cli("show", first, "--json").json["estimatedTimeRemaining"] is None
    run_some(cli, shop)
    assert "time left  about" in cli("show", first).out
    assert 0 <= cli("show", first, "--json").json["estimatedTimeRemaining"] < 60_000
    cli("send", first, "LEAVE")
    assert "time left" not in cli("show", first).out


def test_a_picture_tells_how_all_of_them_went(cli: Cli, shop: Path) -> None:
    run_some(cli, shop)
    said = cli("draw", "shop.yaml", "--stats")
    assert (said.code, said.err) == (0, "")
    assert "4x, half within" in said.out
    assert "warm" in said.out
    assert cli("draw", "shop.yaml", "--stats", "--flat").code == 2
    (shop / "other.yaml").write_text(SHOP.replace("name: shop", "name: other"))
    assert cli("draw", "other.yaml", "--stats").code == 2


def test_a_damaged_instance_is_left_out_and_told(cli: Cli, shop: Path) -> None:
    run_some(cli, shop)
    damaged = cli("start", "shop.yaml", "--json").json["instance"]
    good = cli("start", "shop.yaml", "--json").json["instance"]
    with closing(sqlite3.connect("statewf.db")) as db:
        db.execute(
            "UPDATE history SET body = '{}' WHERE instance = (SELECT number FROM instance WHERE id = ?)", (damaged,)
        )
        db.commit()
    for verb in (("stats",), ("forecast", "shop.yaml", "--from-history")):
        said = cli(*verb)
        assert said.code == 0
        assert said.err == "1 instance of shop cannot be read and was left out; `statewf verify` says why\n"
    assert "time left  about" in cli("show", good).out
