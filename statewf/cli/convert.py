"""The verb `convert`: other people's machines read, and definitions written for others.

The text is on standard output, what is said otherwise there on standard error.

Below: `foreign`, `interop`, `diagram`. Above: `main`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.common import json_option, print_json, write_text
from statewf.cli.foreign import SOURCES, Source, document, documents, is_reference, referred, tell_remarks

if TYPE_CHECKING:
    from statewf.definition.model import Definition, StateMachine
    from statewf.interop.conversion import Exported, Imported

OURS = ("yaml", "json", "mermaid")
TARGETS = ("statemachine", "transitions", "xstate", *OURS)


@click.command("convert")
@click.argument("file", metavar="FILE|MODULE:NAME")
@click.option(
    "--from", "source", type=click.Choice(SOURCES), help="The format of FILE; a definition of ours without it."
)
@click.option("--to", "target", type=click.Choice(TARGETS), help="The format to write; YAML of ours without it.")
@click.option("--output", "-o", metavar="PATH", help="Write to a file.")
@json_option
def convert_verb(file: str, source: Source | None, target: str | None, output: str | None, as_json: bool) -> None:
    """Read somebody else's machine as a definition, or write a definition for others.

    FILE may be MODULE:NAME, a class of python-statemachine or a machine of transitions.
    What is said otherwise in the other format is told on standard error; what it cannot hold is refused (exit code 2).
    """
    if source is None and target is None and not is_reference(file):
        raise click.UsageError("--from says what FILE is, --to what it shall be: one of them is needed.")
    read = _read(file, source)
    written = _written(read.definition, target or "yaml")
    remarks = (*read.remarks, *written.remarks)
    if as_json:
        print_json({"text": written.text, "remarks": documents(remarks)})
        return
    tell_remarks(remarks)
    if output is None:
        click.echo(written.text, nl=not written.text.endswith("\n"))
    else:
        write_text(output, written.text)


def _read(file: str, source: Source | None) -> Imported:
    """The definition, wherever it comes from."""
    from statewf.definition.model import StateMachine
    from statewf.errors import ConversionError, Diagnostic
    from statewf.files import load
    from statewf.interop.conversion import Imported

    if is_reference(file):
        return referred(file, source)
    if source is not None:
        return document(file, source)
    definition = load(file)
    if not isinstance(definition, StateMachine):
        hint = "state machines can; draw shows a workflow as a picture"
        raise ConversionError([Diagnostic("unsupported", "a step workflow cannot be converted", hint=hint)], file)
    return Imported(definition)


def _written(definition: StateMachine, target: str) -> Exported:
    from statewf.compiler import compile_definition
    from statewf.interop.conversion import Exported

    if target in OURS:
        return Exported(_ours(definition, target))
    compile_definition(definition)  # whoever writes it for others may rely on its names
    module: Any = import_module(f"statewf.interop.{target}")
    exported: Exported = module.write(definition)
    return exported


def _ours(definition: Definition, target: str) -> str:
    from statewf.compiler import compile_definition
    from statewf.definition.write import to_json, to_yaml
    from statewf.diagram import drawing, text

    if target == "mermaid":
        return text(drawing(compile_definition(definition)), "mermaid")
    return to_json(definition) if target == "json" else to_yaml(definition)
