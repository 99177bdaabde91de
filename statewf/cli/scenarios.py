"""Verbs that play scenarios in virtual time: `simulate`, `test`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.common import compiled, json_option, not_a_definition, print_json
from statewf.errors import DefinitionError, Diagnostic, InputError, ScenarioError

if TYPE_CHECKING:
    from statewf.definition.document import Document
    from statewf.machine.fsm import Machine
    from statewf.simulator import Outcome

SUFFIXES = (".yaml", ".yml", ".json")


@click.command("simulate")
@click.argument("file")
@click.option("--scenario", required=True, metavar="FILE", help="The scenario to play.")
@json_option
def simulate_verb(file: str, scenario: str, as_json: bool) -> None:
    """Play one scenario on the machine in FILE, in virtual time.

    Exit code 0: the instance ended well and no expectation failed; else 1.
    """
    from statewf.simulator import read_scenario, simulate

    machine = compiled(file)
    document = _document(scenario)
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
        result, mistakes = _play(file)
        results.append(result)
        if not as_json:
            _report(result, mistakes)
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


def _play(file: Path) -> tuple[dict[str, Any], InputError | None]:
    """The verdict on one scenario file, and what is wrong with the file if something is."""
    from statewf.cli.tell import document as told
    from statewf.simulator import read_scenario, simulate

    result: dict[str, Any] = {"scenario": str(file), "verdict": "passed", "failures": []}
    try:
        document = _document(str(file))
        machine = _machine(file, document)
        outcome = simulate(machine, read_scenario(document.value, document.places, machine=machine))
    except InputError as error:
        return {**result, "verdict": "wrong", "failures": str(error).splitlines(), **told(error)}, error
    result["state"] = outcome.state
    if not outcome.passed:
        ended = f"it ended in {outcome.state}, which is no success; say so in `expect` if that is right"
        result |= {"verdict": "failed", "failures": list(outcome.failures) or [ended]}
    return result, None


def _report(result: dict[str, Any], mistakes: InputError | None) -> None:
    from statewf.cli.tell import below, lines

    colour = "green" if result["verdict"] == "passed" else "red"
    click.echo(f"{click.style(result['verdict'], fg=colour, bold=True)}  {result['scenario']}")
    for line in lines(mistakes, indent="    ") if mistakes else map(below, result["failures"]):
        click.echo(line)


def _machine(file: Path, document: Document) -> Machine:
    """The machine a scenario names, by a path from where the scenario stands."""
    named = document.value.get("machine") if isinstance(document.value, dict) else None
    if not isinstance(named, str):
        line = document.places.line(("machine",))
        hint = "machine: order.yaml, by a path from this file"
        missing = Diagnostic("no-machine", "a scenario names its machine", "$.machine", line, hint)
        raise ScenarioError([missing], str(file))
    return compiled(os.path.normpath(file.parent / named))


def _document(path: str) -> Document:
    """The document in a scenario file. Raises ScenarioError when it is not even that."""
    from statewf.definition.document import document
    from statewf.files import read_bytes

    try:
        read = document(read_bytes(Path(path), path), path)
    except DefinitionError as error:
        raise ScenarioError(not_a_definition(error), path) from None
    if read.mistakes:
        raise ScenarioError([mistake.diagnostic(read.places) for mistake in read.mistakes], path)
    return read


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
        value = _document(str(file)).value
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
