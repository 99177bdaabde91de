"""Verbs that look at definitions: `check`, `draw`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import attrs
import click

from statewf.cli.common import Server, compiled, json_option, place_options, print_json, queue_option, write_text
from statewf.cli.foreign import documents, is_reference, referred, tell_remarks
from statewf.cli.waiting import bar

if TYPE_CHECKING:
    from statewf.checker import Finding, Report
    from statewf.checker.bounds.spans import Bounds
    from statewf.checker.saga import Saga
    from statewf.checker.table.cells import Table
    from statewf.definition.model import Definition
    from statewf.errors import InputError
    from statewf.interop.conversion import Remark
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Step

LARGE = 10**15  # from there on it is told roughly
PATIENCE = 0.5  # seconds: what takes longer shows how far it is
DRAWN = 300  # configurations in one picture, if nobody wants more
MOST = 1_000_000
PLURALS = {"property": "properties"}
TOLD_EACH = ("possible-violation", "idle-property")  # warnings that each have something to say of their own
FEW = 3  # warnings alike that are told one by one; of more, the first and where the others are


@click.command("check")
@click.argument("files", metavar="FILE|MODULE:NAME...", nargs=-1, required=True)
@click.option("--table", "tabled", is_flag=True, help="Show what each state does with each event, or each step.")
@click.option("--saga", "with_saga", is_flag=True, help="Show which steps are undone, whatever fails.")
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), help="Of these. [default: text]")
@click.option(
    "--bounds", "bounded", is_flag=True, help="Show how long it takes to each end, and how many attempts."
)
@click.option(
    "--limit", type=click.IntRange(1, MOST), help="At most so many configurations, to decide the properties."
)
@click.option(
    "--counterexamples",
    "folder",
    metavar="DIR",
    help="Write what shows a violated property: scenario, test, picture.",
)
@json_option
def check_verb(
    files: tuple[str, ...],
    tabled: bool,
    with_saga: bool,
    form: Literal["text", "markdown"] | None,
    bounded: bool,
    limit: int | None,
    folder: str | None,
    as_json: bool,
) -> None:
    """Tell all that is wrong with definitions, and what may surprise.

    MODULE:NAME is a class of python-statemachine, or a machine of transitions.
    Exit code 0: no errors; 1: there are; 2: a file cannot be read as a definition.
    Of many warnings alike only the first is told in full; --json tells everything.
    With --format markdown the tables alone are on standard output.
    """
    asked = Asked(tabled, with_saga, form, bounded)
    if form is not None and (as_json or not asked.sheets):
        raise click.UsageError("--format is of use only with --table or --saga, and not with --json.")
    results = [(file, _checked(file, limit, quiet=as_json)) for file in files]
    if as_json:
        documents = [_document(found, asked) for _, found in results]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for file, found in results:
            _tell_all(file, found, asked, several=len(files) > 1)
    if folder is not None:
        for file, found in results:
            _show_runs(file, found, folder, quiet=as_json)
    click.get_current_context().exit(max(_code(found) for _, found in results))


def _show_runs(file: str, found: Checked | InputError, folder: str, *, quiet: bool) -> None:
    """Write the runs that violate properties into a folder, and say so."""
    from statewf.cli.counterexamples import written

    if isinstance(found, Exception):
        return
    count = len(list(written(found.definition, found.report.verdicts, file, folder)))
    if count and not quiet:
        told = _count(count, "counterexample")
        click.echo(f"{told} in {folder}: statewf test {folder} plays, pytest {folder} tests", err=True)


@attrs.frozen
class Asked:
    """What is to be shown besides what was found: the table, the saga matrix, and in which form; the bounds."""

    table: bool
    saga: bool
    form: Literal["text", "markdown"] | None
    bounds: bool = False

    @property
    def sheets(self) -> bool:
        """Whether anything is."""
        return self.table or self.saga


@attrs.frozen
class Checked:
    """A definition that was read, and what is to be said of it; `remarks` if it was somebody else's machine."""

    definition: Definition
    report: Report
    remarks: tuple[Remark, ...] = ()

    def machine(self) -> Machine | None:
        """What it compiles to, if it does."""
        from statewf.compiler import compile_definition
        from statewf.errors import CompileError

        try:
            return compile_definition(self.definition)
        except CompileError:
            return None


def _checked(file: str, limit: int | None, *, quiet: bool) -> Checked | InputError:
    from statewf.checker import check
    from statewf.errors import InputError
    from statewf.files import load

    try:
        read = referred(file) if is_reference(file) else None
        definition = load(file) if read is None else read.definition
        with bar(f"checking {file}, configurations", quiet=quiet, patience=PATIENCE) as moved:
            report = check(definition, limit=limit, progress=lambda found: moved(found, None))
        return Checked(definition, report, () if read is None else read.remarks)
    except InputError as error:
        return error


def _code(found: Checked | InputError) -> int:
    if isinstance(found, Exception):
        return 2
    return 0 if found.report.ok else 1


def _document(found: Checked | InputError, asked: Asked) -> dict[str, Any]:
    """What was found as JSON; what was asked for besides is null where there can be none."""
    from statewf.cli.tell import document

    if isinstance(found, Exception):
        return document(found)
    machine = found.machine() if asked.sheets else None
    document_of = found.report.document()
    if found.remarks:
        document_of["remarks"] = documents(found.remarks)
    if asked.table:
        document_of["table"] = None if machine is None else _table(machine).document()
    if asked.saga:
        matrix = None if machine is None else _saga(machine, found.report)
        document_of["saga"] = None if matrix is None else matrix.document()
    return document_of


def _table(machine: Machine) -> Table:
    from statewf.checker.table import table_of

    return table_of(machine)


def _saga(machine: Machine, report: Report) -> Saga | None:
    from statewf.checker.saga import saga

    return saga(machine, None if report.bounds is None else [end.state for end in report.bounds.ends])


def _tell_all(file: str, found: Checked | InputError, asked: Asked, *, several: bool) -> None:
    """The tables, then the findings: on standard error if the tables are to be kept by themselves."""
    from statewf.cli.tell import lines

    if isinstance(found, Exception):
        click.echo("\n".join(lines(found, err=True)), err=True)
        return
    machine = found.machine() if asked.sheets else None
    if machine is not None and asked.form == "markdown":
        _show_markdown(machine, found.report, asked, several=several)
    elif machine is not None:
        _show_sheets(machine, found.report, asked)
    if asked.bounds and asked.form != "markdown" and found.report.bounds is not None:
        _show_bounds(found.report.bounds)
    tell_remarks(found.remarks)
    _tell(file, found.report, err=asked.form == "markdown")


def _show_sheets(machine: Machine, report: Report, asked: Asked) -> None:
    from statewf.checker.saga import nothing
    from statewf.cli import grid, matrix

    if asked.table:
        grid.show(_table(machine))
        click.echo()
    if asked.saga:
        found = _saga(machine, report)
        if found is None:
            click.echo(nothing(machine))
        else:
            matrix.show(found)
        click.echo()


def _show_bounds(bounds: Bounds) -> None:
    from statewf.cli import limits

    limits.show(bounds)
    click.echo()


def _show_markdown(machine: Machine, report: Report, asked: Asked, *, several: bool) -> None:
    """One sheet after another; of `several` files with the name of each, and a line between them."""
    from statewf.checker.saga import nothing
    from statewf.cli import grid, matrix

    sheets = [grid.markdown(_table(machine))] if asked.table else []
    if asked.saga:
        found = _saga(machine, report)
        sheets.append(nothing(machine) if found is None else matrix.markdown(found))
    told = "\n\n".join(sheets)
    click.echo(f"## {machine.name}\n\n{told}\n" if several else told)


def _tell(file: str, report: Report, *, err: bool) -> None:
    """The findings as compilers tell theirs, errors first, and one line for the whole."""
    from statewf.cli.tell import wrapped

    errors = [finding for finding in report.findings if finding.severity == "error"]
    warnings = [finding for finding in report.findings if finding.severity == "warning"]
    for finding in errors:
        _tell_alike(file, [finding], err=err)
    for _, alike in groupby(sorted(warnings, key=_kind), key=_kind):
        _tell_alike(file, list(alike), err=err)
    counts = [
        _size(report),
        *([_proved(report)] if report.verdicts else []),
        *([f"{_count(report.unasked, 'property')} not asked"] if report.unasked else []),
        *(_count(len(found), what) for what, found in (("error", errors), ("warning", warnings)) if found),
    ]
    verdict, colour = ("ok", "green") if report.ok else ("not ok", "red")
    told = wrapped(f"{file}: {verdict}: {', '.join(counts)}", "", err=err)
    styled = f": {click.style(verdict, fg=colour, bold=True)}:"
    click.echo(told.replace(f": {verdict}:", styled, 1), err=err)
    if report.bounds is not None:
        click.echo(click.style(wrapped(str(report.bounds), "  ", err=err), dim=True), err=err)


def _size(report: Report) -> str:
    """How large it is; of a workflow also how large the product of its steps is, or how much of that was seen."""
    if not report.of_steps:
        return f"{report.states:,} states, {report.transitions:,} transitions"
    steps = _count(report.states, "step")
    if not report.configurations:
        return steps
    visited, every = report.visited, report.configurations
    more = "" if report.exact else "more than "
    looked = "" if visited in (None, every) else f", {visited:,} visited"
    return f"{steps}, {more}{_amount(every)} configuration{'s' * (every != 1)}{looked}"


def _amount(number: int) -> str:
    """A number, however large."""
    return f"{number:,}" if number < LARGE else f"about 10^{math.log10(number):.0f}"


def _proved(report: Report) -> str:
    """How many of its properties hold."""
    proved, every = sum(verdict.answer == "proved" for verdict in report.verdicts), len(report.verdicts)
    return f"{proved} proved" if proved == every else f"{proved} of {every} proved"


def _kind(finding: Finding) -> tuple[str, str, str]:
    place = finding.where if finding.rule in TOLD_EACH else ""
    return finding.rule, finding.hint or "", place


def _count(number: int, what: str) -> str:
    return f"{number:,} {what if number == 1 else PLURALS.get(what, f'{what}s')}"


def _tell_alike(file: str, alike: Sequence[Finding], *, err: bool) -> None:
    """Findings of one rule with one hint: the hint once, and when they are many, only where the others are."""
    from statewf.cli.tables import ends_of
    from statewf.cli.tell import below, mistake
    from statewf.errors import Diagnostic

    told = alike if len(alike) <= FEW else alike[:1]
    for finding in told:
        at = Diagnostic(finding.rule, finding.message, finding.where, finding.line)
        click.echo(mistake(file, at, finding.severity, err=err), err=err)
        if finding.trace and (finding.severity == "error" or finding.rule == "possible-violation"):
            click.echo(below(f"on the way {', '.join(ends_of(finding.trace))}", err=err), err=err)
    if len(alike) > len(told):
        click.echo(below(f"also {', '.join(map(_place, alike[len(told) :]))}", err=err), err=err)
    if alike[0].hint:
        click.echo(below(alike[0].hint, err=err), err=err)


def _place(finding: Finding) -> str:
    """Where a finding is, briefly: `paid (line 40)`."""
    name = finding.where.removeprefix("$.").removeprefix("states.").replace(".states.", ".")
    return name if finding.line is None else f"{name} (line {finding.line})"


@click.command("draw")
@click.argument("file")
@click.option(
    "--format", "form", type=click.Choice(["mermaid", "dot", "svg"]), default="mermaid", show_default=True
)
@click.option("--flat", is_flag=True, help="The compiled table; of a workflow, all configurations of its steps.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), help=f"With --flat, at most so many configurations. [default: {DRAWN}]"
)
@click.option("--instance", metavar="ID", help="Mark where this instance is, and the way it came.")
@click.option(
    "--stats", "figures", is_flag=True, help="Tell how the instances in the store went: how often, how long."
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to a file.")
@place_options
@queue_option
def draw_verb(
    file: str,
    form: Literal["mermaid", "dot", "svg"],
    flat: bool,
    limit: int | None,
    instance: str | None,
    figures: bool,
    output: str | None,
    db: str,
    server: Server | None,
    queue: str,
) -> None:
    """Draw the machine in FILE, where an instance of it is, or how all of them went."""
    from statewf.diagram import drawing, text
    from statewf.diagram.picture import Picture

    if limit is not None and not flat:
        raise click.UsageError("--limit is of use only with --flat.")
    if figures and (flat or instance is not None):
        raise click.UsageError(
            "--stats tells of all instances, as the machine is written: leave --flat and --instance out."
        )
    if server is not None and instance is None and not figures:
        raise click.UsageError("Of what is on a Temporal server --instance draws one, --stats all: say which.")
    machine = compiled(file)
    steps: Sequence[Step] = ()
    if instance is not None:
        machine, steps = _travelled(instance, db, server)
    drawn = drawing(machine, flat=flat, limit=limit or DRAWN, steps=steps)
    if isinstance(drawn, Picture) and not drawn.whole:
        click.echo(f"not all is drawn: there are more than {limit or DRAWN} configurations (--limit)", err=True)
    if figures:
        from statewf.cli.stats import warmed_by
        from statewf.cli.surveys import Source

        drawn = warmed_by(drawn, machine.name, Source(db, server, queue))
    picture = text(drawn, form)
    if output is None:
        click.echo(picture, nl=not picture.endswith("\n"))
    else:
        write_text(output, picture)


def _travelled(instance: str, db: str, server: Server | None) -> tuple[Machine, Sequence[Step]]:
    """The machine of an instance, and all its steps."""
    if server is not None:
        from statewf.cli.remote import asked

        return asked(server, lambda there: there.steps(instance))
    from statewf.cli.look import opened, travelled

    with opened(db) as store:
        return travelled(store, instance)
