"""`check --bounds`: how long it takes to each end and how often it tries, as a table, and in one line without it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.support import Cli

CHARGE = "steps:\n  - {id: charge, timeout: 10s, retryPolicy: {maxAttempts: 3}}\n  - {id: rest, type: wait, duration: 1h}\n"
REVIEW = "steps: [{id: pay, timeout: 10s, onError: human-review}]\n"


def test_the_longest_way_is_told_in_one_line(cli: Cli, folder: Path) -> None:
    (folder / "charge.yaml").write_text(CHARGE)
    said = cli("check", "charge.yaml")
    assert said.out.splitlines()[-1] == "  always ends within 1h 2m (longest: charge (3 attempts) 1m 3s → rest 1h)"


def test_each_end_has_its_times_and_attempts(cli: Cli, folder: Path) -> None:
    (folder / "charge.yaml").write_text(CHARGE)
    lines = cli("check", "charge.yaml", "--bounds").out.splitlines()
    assert lines[0].split() == ["it", "ends", "in", "after", "within", "attempts"]
    assert lines[1].split() == ["completed", "1h", "1h", "2m", "1", "to", "3"]
    assert lines[2].split() == ["failed", "at", "once", "1m", "3s", "1", "to", "3"]
    assert "tried at most 3 times: charge" in lines


def test_what_has_no_bound_is_told_once_for_all_ends(cli: Cli, folder: Path) -> None:
    (folder / "review.yaml").write_text(REVIEW)
    out = cli("check", "review.yaml", "--bounds").out
    assert out.count("no bound to completed, failed, cancelled: a review may have pay tried again and again") == 1
    assert "1 or more" in out
    assert "tried again and again: pay" in out


def test_they_are_in_the_document_without_being_asked_for(cli: Cli, folder: Path) -> None:
    (folder / "charge.yaml").write_text(CHARGE)
    document = cli("check", "charge.yaml", "--json").json["bounds"]
    assert document["greatest"] == 3_663_000
    assert document["longest"][0] == {"label": "charge (3 attempts)", "ms": 63_000}
    assert cli("check", "charge.yaml", "--json", "--bounds").json["bounds"] == document


def test_what_does_not_compile_has_none(cli: Cli, folder: Path) -> None:
    (folder / "lost.yaml").write_text("initialState: a\nstates:\n  a: {on: {GO: nowhere}}\n")
    said = cli("check", "lost.yaml", "--bounds")
    assert said.code == 1
    assert "it ends in" not in said.out
    assert "for ever" not in said.out
