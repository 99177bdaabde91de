"""Verbs that look at definitions: `check`, `draw`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from statewf.cli.common import compiled, db_option, json_option, print_json

if TYPE_CHECKING:
    from statewf.checker import Finding, Report
    from statewf.errors import InputError
    from statewf.machine.snapshot import Step

DRAWN = 300  # configurations in one picture, if nobody wants more
MOST = 1_000_000
FEW = 3  # warnings alike that are told one by one; of more, the first and where the others are


@click.command("check")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@json_option
def check_verb(files: tuple[str, ...], as_json: bool) -> None:
    """Tell all that is wrong with definitions, and what may surprise.

    Exit code 0: no errors; 1: there are; 2: a file cannot be read as a definition.
    Of many warnings alike only the first is told in full; --json tells everything.
    """
    from statewf.cli.tell import document, lines

    results = [(file, _checked(file)) for file in files]
    if as_json:
        documents = [document(found) if isinstance(found, Exception) else found.document() for _, found in results]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for file, found in results:
            if isinstance(found, Exception):
                click.echo("\n".join(lines(found, err=True)), err=True)
            else:
                _tell(file, found)
    click.get_current_context().exit(max(_code(found) for _, found in results))


def _checked(file: str) -> Report | InputError:
    from statewf.checker import check
    from statewf.errors import InputError
    from statewf.files import load

    try:
        return check(load(file))
    except InputError as error:
        return error


def _code(found: Report | InputError) -> int:
    if isinstance(found, Exception):
        return 2
    return 0 if found.ok else 1


def _tell(file: str, report: Report) -> None:
    """The findings as compilers tell theirs, errors first, and one line for the whole."""
    errors = [finding for finding in report.findings if finding.severity == "error"]
    warnings = [finding for finding in report.findings if finding.severity == "warning"]
    for finding in errors:
        _tell_alike(file, [finding])
    for _, alike in groupby(sorted(warnings, key=_kind), key=_kind):
        _tell_alike(file, list(alike))
    counts = [
        _size(report),
        *(_count(len(found), what) for what, found in (("error", errors), ("warning", warnings)) if found),
    ]
    verdict = click.style("ok", fg="green", bold=True) if report.ok else click.style("not ok", fg="red", bold=True)
    click.echo(f"{file}: {verdict}: {', '.join(counts)}")


def _size(report: Report) -> str:
    """How large it is; of a workflow also how large the product of its steps is, or how much of that was seen."""
    if not report.of_steps:
        return f"{report.states} states, {report.transitions} transitions"
    steps = _count(report.states, "step")
    if not report.configurations:
        return steps
    more = "more than " if report.bounded else ""
    return f"{steps}, {more}{_count(report.configurations, 'configuration')}"


def _kind(finding: Finding) -> tuple[str, str]:
    return finding.rule, finding.hint or ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _tell_alike(file: str, alike: Sequence[Finding]) -> None:
    """Findings of one rule with one hint: the hint once, and when they are many, only where the others are."""
    from statewf.cli.tell import below, mistake
    from statewf.errors import Diagnostic

    told = alike if len(alike) <= FEW else alike[:1]
    for finding in told:
        at = Diagnostic(finding.rule, finding.message, finding.where, finding.line)
        click.echo(mistake(file, at, finding.severity))
        if finding.trace and finding.severity == "error":
            click.echo(below(f"on the way {', '.join(finding.trace)}"))
    if len(alike) > len(told):
        click.echo(below(f"also {', '.join(map(_place, alike[len(told) :]))}"))
    if alike[0].hint:
        click.echo(below(alike[0].hint))


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
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to a file.")
@db_option
def draw_verb(
    file: str,
    form: Literal["mermaid", "dot", "svg"],
    flat: bool,
    limit: int | None,
    instance: str | None,
    output: str | None,
    db: str,
) -> None:
    """Draw the machine in FILE, or where an instance of it is."""
    from statewf.diagram import drawing, text
    from statewf.diagram.picture import Picture

    if limit is not None and not flat:
        raise click.UsageError("--limit is of use only with --flat.")
    machine = compiled(file)
    steps: Sequence[Step] = ()
    if instance is not None:
        from statewf.cli.look import opened, travelled

        with opened(db) as store:
            machine, steps = travelled(store, instance)
    drawn = drawing(machine, flat=flat, limit=limit or DRAWN, steps=steps)
    if isinstance(drawn, Picture) and not drawn.whole:
        click.echo(f"not all is drawn: there are more than {limit or DRAWN} configurations (--limit)", err=True)
    picture = text(drawn, form)
    if output is None:
        click.echo(picture, nl=not picture.endswith("\n"))
    else:
        _write(output, picture)


def _write(path: str, picture: str) -> None:
    from statewf.errors import Diagnostic, InputError

    try:
        Path(path).write_text(picture, encoding="utf-8")
    except OSError as error:
        mistake = Diagnostic("unwritable", f"cannot be written: {error.strerror}")
        raise InputError([mistake], path) from None
