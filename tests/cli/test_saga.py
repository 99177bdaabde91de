"""`check --saga`: a matrix that fits, as markdown that stands by itself, and in the one document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.support import Cli, Terminal

TRIP = """\
name: trip
steps:
  - {id: book_a_flight, when: inputs.far, compensation: {steps: [{action: call_off}, {action: tell}]}}
  - {id: pay, onError: rollback, compensation: {steps: [{action: refund}]}}
"""
LEGEND = (
    "`✓` undone; `○` undone, unless it was skipped; `?` undone if it succeeded by then; "
    "`first` before all others; `-` not undone"
)

# seven branches, whose names do not fit beside each other
WIDE = "steps:\n  - id: pack-all-of-it\n    type: parallel\n    steps:\n" + "".join(
    f"      - {{id: pack-parcel-{n}, compensation: {{steps: [{{action: unpack-{n}}}]}}}}\n" for n in range(7)
)


def test_a_narrow_matrix_has_the_names_of_the_steps(cli: Cli, folder: Path) -> None:
    (folder / "trip.yaml").write_text(TRIP)
    said = cli("check", "--saga", "trip.yaml")
    assert (said.code, said.err) == (0, "")
    matrix, _, rest = said.out.partition("\n\n")
    assert matrix.splitlines() == [
        "if this fails  pay      book_a_flight   it ends",
        "book_a_flight  -        -               failed",
        "pay            ✓ first  ○               compensated",
        "(cancel)       ?        ?               cancelled",
        "(undone by)    refund   call_off, tell",
        "✓ undone; ○ undone, unless it was skipped; ? undone if it succeeded by then;",
        "first before all others; - not undone",
        "They are undone one after another, in this order; a step that rolls back is",
        "undone before all others.",
        "An action that fails is not tried again: it is noted, the rest still run, and",
        "the workflow ends in compensation-failed, as it does if cancel --now cuts the",
        "undoing short.",
    ]
    assert rest == cli("check", "trip.yaml").out


def test_one_that_is_wider_than_its_numbers_tells_ranges_of_them(cli: Cli, folder: Path) -> None:
    inner = "".join(f"      - {{id: p{n}, compensation: {{steps: [{{action: u{n}}}]}}}}\n" for n in range(40))
    (folder / "wider.yaml").write_text(
        f"steps:\n  - id: p\n    type: parallel\n    steps:\n{inner}  - {{id: pay, onError: rollback, "
        "compensation: {steps: [{action: refund}]}}\n  - {id: z}\n"
    )
    out = cli("check", "--saga", "wider.yaml").out
    matrix, legend, *_ = out.split("\n\n")
    assert matrix.splitlines() == [
        "if this fails  undone             it ends",
        "p              ? 2-41             compensated or failed",
        "pay            ✓ first 1; ✓ 2-41  compensated",
        "z              ✓ 1-41             compensated",
        "(cancel)       ? 1-41             cancelled",
    ]
    assert legend.splitlines()[1].split() == ["1", "pay", "refund"]
    assert max(map(len, out.splitlines())) <= 80


def test_a_wide_one_has_numbers_and_fits_into_80_columns(cli: Cli, folder: Path) -> None:
    (folder / "wide.yaml").write_text(WIDE)
    said = cli("check", "--saga", "wide.yaml")
    assert said.code == 0
    matrix, legend, _ = said.out.split("\n\n")
    assert max(map(len, (matrix + legend).splitlines())) <= 80
    assert matrix.splitlines() == [
        "if this fails   1  2  3  4  5  6  7  it ends",
        "pack-all-of-it  ?  ?  ?  ?  ?  ?  ?  compensated or failed",
        "(cancel)        ?  ?  ?  ?  ?  ?  ?  cancelled",
    ]
    assert legend.splitlines()[:2] == ["   step           undone by", "1  pack-parcel-6  unpack-6"]


def test_at_a_terminal_it_fits(folder: Path) -> None:
    (folder / "wide.yaml").write_text(WIDE)
    terminal = Terminal.of("check", "--saga", "wide.yaml")
    assert terminal.finish() == 0
    assert max(map(len, terminal.screen.splitlines())) <= 80
    assert "2  pack-parcel-5  unpack-5" in terminal.screen


def test_markdown_stands_by_itself(cli: Cli, folder: Path) -> None:
    (folder / "trip.yaml").write_text(TRIP)
    said = cli("check", "--saga", "--format", "markdown", "trip.yaml")
    assert said.out.splitlines()[:8] == [
        "| if this fails | pay | book_a_flight | it ends |",
        "| --- | --- | --- | --- |",
        "| book_a_flight | - | - | failed |",
        "| pay | ✓ first | ○ | compensated |",
        "| (cancel) | ? | ? | cancelled |",
        "| (undone by) | refund | call_off, tell |  |",
        "",
        LEGEND,
    ]
    assert "trip.yaml: ok: 2 steps" in said.err
    both = cli("check", "--saga", "--table", "--format", "markdown", "trip.yaml", "door.yaml").out
    assert [line for line in both.splitlines() if line.startswith(("#", "| step", "| if", "| state"))] == [
        "## trip",
        "| step | starts | succeeds | fails | timeout | skipped | cancelled | undone |",
        "| if this fails | pay | book_a_flight | it ends |",
        "## door",
        "| state | OPEN | LOCK | CLOSE |",
    ]


@pytest.mark.parametrize(("more", "ending"), [((), "\n\n"), (("--format", "markdown"), "\n")])
def test_where_nothing_can_be_undone_it_says_so(cli: Cli, more: tuple[str, ...], ending: str) -> None:
    said = cli("check", "--saga", *more, "batch.yaml")
    assert said.out.startswith(f"nothing can be undone: no step has a compensation{ending}")
    assert cli("check", "--saga", "door.yaml").out.startswith("a state machine undoes nothing")


def test_the_document_has_the_matrix_too(cli: Cli, folder: Path) -> None:
    document = cli("check", "--saga", "--json", "claim.yaml").json
    matrix = document.pop("saga")
    assert document == cli("check", "--json", "claim.yaml").json
    assert matrix["steps"] == [{"step": "read", "actions": ["forget"]}]
    assert [point.get("step", point["cause"]) for point in matrix["points"]] == [
        "read",
        "approve",
        "file",
        "cancel",
    ]
    (folder / "lost.yaml").write_text("steps: [{id: a, dependsOn: [b]}]")
    assert [one["saga"] for one in cli("check", "--saga", "--json", "door.yaml", "lost.yaml").json] == [None, None]


def test_the_exit_code_is_that_of_check(cli: Cli, folder: Path) -> None:
    (folder / "lost.yaml").write_text("steps: [{id: a, dependsOn: [b]}]")
    (folder / "none.yaml").write_text("steps: 5")
    for file, code in (("claim", 0), ("lost", 1), ("none", 2)):
        assert cli("check", "--saga", f"{file}.yaml").code == code
    assert cli("check", "--saga", "lost.yaml").out == cli("check", "lost.yaml").out
