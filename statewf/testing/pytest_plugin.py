"""The pytest plugin: `pytest machines/` checks every definition file and plays every scenario file there.

    machines/order.yaml::check                  fails with the errors that `statewf check` finds
    machines/order.yaml::NAME OF A PROPERTY     fails with the run that violates it
    machines/order/delivered.yaml::scenario     fails with the differences that `statewf test` tells

Other people's YAML and JSON is left alone, unless it is named on the command line. `statewf_collect = false` in the
ini file: no file is a test. `--statewf-coverage` tells at the end which states and transitions of these machines no
scenario reached; tests that want to count, too, take the fixture `statewf_coverage`, an observer of steps.

pytest loads this module in every run, wherever statewf is installed: so it imports nothing but pytest and, of statewf,
what a file with one of our keys needs. Below: `recognise`, `files`, `telling`, `coverage`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from statewf.testing.recognise import SUFFIXES, kind_of

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr, TracebackStyle  # pytest has no public name for them

    from statewf.checker import Finding, Report
    from statewf.definition.model import Definition
    from statewf.testing.coverage import Coverage

_coverage = pytest.StashKey["Coverage"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`statewf_collect` and `--statewf-coverage`."""
    parser.addini("statewf_collect", "Collect statewf definitions and scenarios as tests.", "bool", default=True)
    group = parser.getgroup("statewf")
    group.addoption(
        "--statewf-coverage", action="store_true", help="Tell which states and transitions no test reached."
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file of ours, as what it is."""
    if file_path.suffix.lower() not in SUFFIXES or not parent.config.getini("statewf_collect"):
        return None
    match kind_of(file_path, meant=parent.session.isinitpath(file_path)):
        case "definition":
            return DefinitionFile.from_parent(parent, path=file_path)
        case "scenario":
            return ScenarioFile.from_parent(parent, path=file_path)
        case None:
            return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was reached, if somebody asked."""
    if config.getoption("statewf_coverage"):
        terminalreporter.section("statewf coverage")
        terminalreporter.write_line(str(coverage_of(config)) or "no machine was met")


@pytest.fixture(scope="session")
def statewf_coverage(pytestconfig: pytest.Config) -> Coverage:
    """What the run reached so far: `Executor(..., observe=statewf_coverage)`, `statewf_coverage.add(machine, steps)`."""
    return coverage_of(pytestconfig)


def coverage_of(config: pytest.Config) -> Coverage:
    """The coverage of this run."""
    from statewf.testing.coverage import Coverage

    return config.stash.setdefault(_coverage, Coverage())


class Failed(Exception):
    """A file is not as it should be; its lines say why."""


class FileItem(pytest.Item):
    """A test that is in a file of ours. It fails in lines: nobody wants to see where we noticed it."""

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: TracebackStyle | None = None
    ) -> str | TerminalRepr:
        """What is wrong."""
        return str(excinfo.value) if isinstance(excinfo.value, Failed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is, and what it is called."""
        return self.path, None, f"{self.path.name}: {self.name}"

    @property
    def counted(self) -> Coverage | None:
        """Where to count what is reached, if somebody asked."""
        return coverage_of(self.config) if self.config.getoption("statewf_coverage") else None


class Check(FileItem):
    """A definition has no errors; what becomes of each property is a test of its own."""

    def runtest(self) -> None:
        """Raises Failed with every error as `statewf check` tells it."""
        from statewf.compiler import compile_definition

        definition, report = _checked(self)
        if told := "\n".join(_findings(os.path.relpath(self.path), _errors(report, of_properties=False))):
            raise Failed(told)
        if self.counted is not None:
            self.counted.know(compile_definition(definition))


class Property(FileItem):
    """A property of a definition holds. `place` is its number in the file, from 0."""

    place = 0

    def runtest(self) -> None:
        """Raises Failed with the run that violates it, or with what is wrong with it."""
        _, report = _checked(self)
        if report.unasked:
            pytest.skip("the definition has errors, so no property was asked")
        wrong = [found for found in _errors(report, of_properties=True) if found.where == _where(self.place)]
        if wrong:
            raise Failed("\n".join(_findings(os.path.relpath(self.path), wrong)))


class Scenario(FileItem):
    """A scenario passes."""

    def runtest(self) -> None:
        """Raises Failed with every difference as `statewf test` tells it."""
        from statewf.testing.files import play
        from statewf.testing.telling import lines

        played = play(Path(os.path.relpath(self.path)))
        if played.outcome is not None and played.machine is not None and self.counted is not None:
            self.counted.add(played.machine, played.outcome.steps)
        if played.error is not None:
            raise Failed("\n".join(lines(played.error)))
        if played.failures:
            raise Failed("\n".join(played.failures))


class DefinitionFile(pytest.File):
    """A file with a definition, which is checked once for all its tests."""

    checked: tuple[Definition, Report] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """Its check, and a test for each of its properties."""
        yield Check.from_parent(self, name="check")
        for place, name in enumerate(_properties(os.path.relpath(self.path))):
            item: Property = Property.from_parent(self, name=name)
            item.place = place
            yield item


class ScenarioFile(pytest.File):
    """A file with a scenario."""

    def collect(self) -> Iterator[pytest.Item]:
        """The one test that it is."""
        yield Scenario.from_parent(self, name="scenario")


def _properties(source: str) -> Iterator[str]:
    """What the properties of a definition are called, each otherwise; none, if it cannot be read: `check` says why."""
    from statewf.checker.words.question import spoken
    from statewf.errors import InputError
    from statewf.files import load

    try:
        properties = load(source).properties
    except InputError:
        return
    given: Counter[str] = Counter()
    for asked in properties:
        name = asked.name or spoken(asked)
        given[name] += 1
        yield name if given[name] == 1 else f"{name} ({given[name]})"


def _checked(item: FileItem) -> tuple[Definition, Report]:
    """The definition that the item is of, and what is to be said of it. Raises Failed when it cannot be read."""
    from statewf.checker import check
    from statewf.errors import InputError
    from statewf.files import load
    from statewf.testing.telling import lines

    file = item.parent
    assert isinstance(file, DefinitionFile), "its tests are collected there"
    if file.checked is None:
        try:
            definition = load(os.path.relpath(item.path))
        except InputError as error:
            raise Failed("\n".join(lines(error))) from None
        file.checked = (definition, check(definition))
    return file.checked


def _where(place: int) -> str:
    return f"$.properties[{place}]"


def _errors(report: Report, *, of_properties: bool) -> list[Finding]:
    """The errors, of its properties or of all else."""
    errors = (found for found in report.findings if found.severity == "error")
    return [found for found in errors if found.where.startswith("$.properties[") is of_properties]


def _findings(source: str, errors: Iterable[Finding]) -> Iterator[str]:
    """Each error, the way to it, and its hint."""
    from statewf.errors import Diagnostic
    from statewf.testing.telling import mistake, one_line

    for found in errors:
        yield mistake(source, Diagnostic(found.rule, found.message, found.where, found.line), "error")
        if found.trace:
            yield f"    on the way {one_line(', '.join(found.trace))}"
        if found.hint:
            yield f"    {one_line(found.hint)}"
