"""Verbs that play in virtual time: `simulate`, one scenario or many lives, and `test`, scenario files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.common import (
    MOST_RUNS,
    Server,
    assume_option,
    compiled,
    history_option,
    json_option,
    place_options,
    print_json,
    queue_option,
)
from statewf.errors import Diagnostic, InputError, ScenarioError
from statewf.testing.files import document as read_document
from statewf.testing.files import play
from statewf.testing.recognise import SUFFIXES

if TYPE_CHECKING:
    from statewf.simulator import Outcome
    from statewf.testing.files import Played


@click.command("simulate")
@click.argument("file")
@click.option("--scenario", metavar="FILE", help="The scenario to play.")
@click.option("--runs", type=click.IntRange(1, MOST_RUNS), metavar="N", help="Draw so many lives instead.")
@click.option(
    "--seed", type=int, metavar="K", help="What chance begins with (--runs); the same gives the same. [1]"
)
@assume_option
@history_option
@place_options
@queue_option
@json_option
def simulate_verb(
    file: str,
    scenario: str | None,
    runs: int | None,
    seed: int | None,
    assume: str | None,
    from_history: bool,
    db: str,
    server: Server | None,
    queue: str,
    as_json: bool,
) -> None:
    """Play one scenario on the machine in FILE, in virtual time; or with --runs draw many lives by chance.

    What chance there is, --assume says, or --from-history. Exit code of a scenario: 0, the instance ended well and no expectation failed; else 1.
    """
    if (scenario is None) == (runs is None):
        raise click.UsageError("Say --scenario FILE for one run, or --runs N for many.")
    if scenario is not None:
        learnt = from_history or server is not None or None
        for option, value in (("--seed", seed), ("--assume", assume), ("--from-history", learnt)):
            if value is not None:
                raise click.UsageError(f"{option} goes with --runs: a scenario leaves nothing to chance.")
        _play(file, scenario, as_json=as_json)
    else:
        from statewf.cli.foretell import draw, source

        history = source(db, server, queue, from_history=from_history)
        draw(file, runs or 0, 1 if seed is None else seed, assume, history, as_json=as_json)


def _play(file: str, scenario: str, *, as_json: bool) -> None:
    from statewf.simulator import read_scenario, simulate

    machine = compiled(file)
    document = read_document(scenario)
    script = read_scenario(document.value, document.places, machine=machine)
    outcome = simulate(machine, script)
    if as_json:
        print_json(outcome.document())
    else:
        _tell(outcome)
    for failure in outcome.failures:
        click.echo(f"{click.style('failed', fg='red', bold=True)}: {failure}", err=True)
    click.get_current_context().exit(0 if outcome.success and not outcome.failures else 1)


def _tell(outcome: Outcome) -> None:
    from statewf.cli.tables import played
    from statewf.values.duration import spoken

    document = outcome.document()
    played(document["history"])
    ending = "success" if outcome.success else "failure" if outcome.steps[-1].after.ended else "not ended"
    click.echo(f"{outcome.state} ({ending}) after {spoken(document['elapsed'])}")
    for key in ("rejected", "undelivered"):
        if document[key]:
            click.echo(f"{key}: {', '.join(document[key])}")


@click.command("test")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
def test_verb(paths: tuple[str, ...], as_json: bool) -> None:
    """Play scenario files (of a folder: all in it), and tell which expectations fail.

    Exit code 0: all pass; 1: some do not; 2: a file is wrong.
    """
    results = []
    for file in _scenarios(paths):
        played = play(file)
        results.append(_result(played))
        if not as_json:
            _report(played)
    if not results:
        hint = "a scenario is a YAML or JSON file with a `machine`"
        raise ScenarioError([Diagnostic("no-scenarios", "there are no scenarios", hint=hint)], ", ".join(paths))
    counts = {verdict: sum(r["verdict"] == verdict for r in results) for verdict in ("passed", "failed", "wrong")}
    if as_json:
        print_json({"ok": counts["passed"] == len(results), **counts, "scenarios": results})
    else:
        click.echo(
            ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count or verdict == "passed")
        )
    click.get_current_context().exit(2 if counts["wrong"] else 1 if counts["failed"] else 0)


def _result(played: Played) -> dict[str, Any]:
    """The verdict on one scenario file as JSON."""
    from statewf.cli.tell import document as told

    said = {"scenario": str(played.file), "verdict": played.verdict, "failures": played.failures}
    if played.error is not None:
        return {**said, **told(played.error)}
    return said if played.outcome is None else {**said, "state": played.outcome.state}


def _report(played: Played) -> None:
    from statewf.cli.tell import below, lines

    colour = "green" if played.verdict == "passed" else "red"
    click.echo(f"{click.style(played.verdict, fg=colour, bold=True)}  {played.file}")
    for line in lines(played.error, indent="    ") if played.error else map(below, played.failures):
        click.echo(line)


def _scenarios(paths: tuple[str, ...]) -> Iterator[Path]:
    """The scenario files among these paths: files as they are named, folders for what in them names a machine."""
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in SUFFIXES and file.is_file() and _names_a_machine(file):
                yield file


def _names_a_machine(file: Path) -> bool:
    try:
        value = read_document(str(file)).value
    except InputError:
        # too broken to tell what it is: a scenario if it looks like one, for silence would hide it
        return _looks_like_one(file)
    return isinstance(value, dict) and "machine" in value and "states" not in value and "steps" not in value


def _looks_like_one(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return b"machine" in stream.read(65_536)
    except OSError:
        return True  # nobody can tell; it is told as unreadable
