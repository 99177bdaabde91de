"""Verbs that look at definitions: `check`, `draw`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from statewf.cli.common import compiled, db_option, error_document, json_option, print_json

if TYPE_CHECKING:
    from statewf.checker import Report


@click.command("check")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@json_option
def check_verb(files: tuple[str, ...], as_json: bool) -> None:
    """Tell all that is wrong with definitions, and what may surprise.

    Exit code 0: no errors; 1: there are; 2: a file cannot be read as a definition.
    """
    results = [_check(file) for file in files]
    if as_json:
        documents = [document for _, document, _ in results]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for file, (_, _, report) in zip(files, results, strict=True):
            if report is not None:
                _tell(file, report)
    click.get_current_context().exit(max(code for code, _, _ in results))


def _check(file: str) -> tuple[int, dict[str, Any], Report | None]:
    from statewf.checker import check
    from statewf.errors import InputError
    from statewf.files import load

    try:
        report = check(load(file))
    except InputError as error:
        if not click.get_current_context().params["as_json"]:
            click.echo(f"{click.style('error', fg='red', bold=True)}: {error}", err=True)
        return 2, error_document(error), None
    return (0 if report.ok else 1), report.document(), report


def _tell(file: str, report: Report) -> None:
    """One line a finding, as compilers do, and one for the whole."""
    colours = {"error": "red", "warning": "yellow"}
    for finding in report.findings:
        place = file if finding.line is None else f"{file}:{finding.line}"
        kind = click.style(finding.severity, fg=colours[finding.severity], bold=True)
        click.echo(f"{place}: {kind}: {finding.message} [{finding.rule}] at {finding.where}")
        if finding.trace:
            click.echo(f"    on the way {', '.join(finding.trace)}")
        if finding.hint:
            click.echo(f"    {finding.hint}")
    counts = f"{report.states} states, {report.transitions} transitions, {report.configurations} configurations"
    verdict = click.style("ok", fg="green", bold=True) if report.ok else click.style("not ok", fg="red", bold=True)
    click.echo(f"{file}: {verdict}: {counts}")


@click.command("draw")
@click.argument("file")
@click.option(
    "--format", "form", type=click.Choice(["mermaid", "dot", "svg"]), default="mermaid", show_default=True
)
@click.option("--flat", is_flag=True, help="The compiled table: every state and every transition of it.")
@click.option("--instance", metavar="ID", help="Mark where this instance is, and the way it came.")
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write to a file.")
@db_option
def draw_verb(
    file: str,
    form: Literal["mermaid", "dot", "svg"],
    flat: bool,
    instance: str | None,
    output: str | None,
    db: str,
) -> None:
    """Draw the machine in FILE, or where an instance of it is."""
    from statewf.diagram import draw

    machine = compiled(file)
    if instance is None:
        picture = draw(machine, form, flat=flat)
    else:
        from statewf.cli.look import opened, travelled

        with opened(db) as store:
            machine, steps = travelled(store, instance)
        picture = draw(machine, form, flat=flat, snapshot=steps[-1].after, steps=steps)
    if output is None:
        click.echo(picture)
        return
    try:
        with open(output, "w", encoding="utf-8") as stream:
            stream.write(picture)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None
