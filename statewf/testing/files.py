"""Definitions and scenarios in files: reading and compiling them, and playing a scenario to its verdict.

Stands on `checker`, `simulator` and `statewf.files`, which are imported when they are needed. Above: the pytest plugin;
the verbs of `cli` that read such files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from statewf.errors import CompileError, DefinitionError, Diagnostic, InputError, ScenarioError

if TYPE_CHECKING:
    from statewf.definition.document import Document
    from statewf.machine.fsm import Machine
    from statewf.simulator import Outcome

Verdict: TypeAlias = Literal["passed", "failed", "wrong"]


# --- reading


def document(path: str) -> Document:
    """The document in a file. Raises ScenarioError when it is not even that."""
    from statewf.definition.document import document
    from statewf.files import read_bytes

    try:
        read = document(read_bytes(Path(path), path), path)
    except DefinitionError as error:
        raise ScenarioError(not_a_definition(error), path) from None
    if read.mistakes:
        raise ScenarioError([mistake.diagnostic(read.places) for mistake in read.mistakes], path)
    return read


def not_a_definition(error: InputError) -> list[Diagnostic]:
    """The mistakes of a text that is no definition: what an empty one lacks is not what a definition has."""
    return [
        attrs.evolve(d, message="the text is empty", hint=None) if d.code == "empty" else d
        for d in error.diagnostics
    ]


def compiled(path: str) -> Machine:
    """The machine in a file. Raises DefinitionError or CompileError when it must not run."""
    from statewf.checker import faults
    from statewf.compiler import compile_definition
    from statewf.files import load

    machine = compile_definition(load(path))
    if wrong := faults(machine):
        raise CompileError((Diagnostic(f.rule, f.message, f.where, f.line, f.hint) for f in wrong), path)
    return machine


def machine_of(file: Path, script: Document) -> Machine:
    """The machine that a scenario names, by a path from where the scenario stands."""
    named = script.value.get("machine") if isinstance(script.value, dict) else None
    if not isinstance(named, str):
        line = script.places.line(("machine",))
        hint = "machine: order.yaml, by a path from this file"
        missing = Diagnostic("no-machine", "a scenario names its machine", "$.machine", line, hint)
        raise ScenarioError([missing], str(file))
    return compiled(os.path.normpath(file.parent / named))


# --- playing


@attrs.frozen
class Played:
    """What came of a scenario file: how it went, or what is wrong with it."""

    file: Path
    machine: Machine | None = None
    outcome: Outcome | None = None
    error: InputError | None = None

    @property
    def verdict(self) -> Verdict:
        """`wrong` is a file that cannot be played."""
        if self.outcome is None:
            return "wrong"
        return "passed" if self.outcome.passed else "failed"

    @property
    def failures(self) -> list[str]:
        """Why it did not pass, a line each."""
        if self.outcome is None:
            return str(self.error).splitlines()
        if self.outcome.passed:
            return []
        ended = f"it ended in {self.outcome.state}, which is no success; say so in `expect` if that is right"
        return list(self.outcome.failures) or [ended]


def play(file: Path) -> Played:
    """Play a scenario file in virtual time. What is wrong with it is told in the answer."""
    from statewf.simulator import read_scenario, simulate

    try:
        script = document(str(file))
        machine = machine_of(file, script)
        return Played(file, machine, simulate(machine, read_scenario(script.value, script.places, machine=machine)))
    except InputError as error:
        return Played(file, error=error)
