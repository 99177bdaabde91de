"""`statewf VERB`: the verbs, and what becomes of errors.

Nothing heavy is imported here, and no verb before it is asked for, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from statewf import __version__

# verb -> module of `statewf.cli`, and what it is for; read by `--help` without importing any of them
VERBS = {
    "check": ("inspect", "Tell all that is wrong with definitions, and what may surprise."),
    "convert": ("convert", "Read somebody else's machine, or write one for others."),
    "draw": ("inspect", "Draw a machine, or where an instance of it is."),
    "simulate": ("scenarios", "Play one scenario in virtual time, or thousands of lives."),
    "test": ("scenarios", "Play scenario files, and tell which expectations fail."),
    "run": ("drive", "Start an instance and drive it to its end, live."),
    "start": ("drive", "Start an instance, and print its id."),
    "send": ("drive", "Send an event to an instance."),
    "cancel": ("drive", "End an instance."),
    "tasks": ("people", "List what waits for people to decide."),
    "complete": ("people", "Decide a task."),
    "serve": ("drive", "Own a store: perform what is open, fire timers, resume."),
    "worker": ("remote", "Work for a Temporal server: perform what instances ask for."),
    "list": ("look", "List the instances of a store."),
    "show": ("look", "Show where an instance is, and what it may do next."),
    "history": ("look", "Show everything that happened to an instance."),
    "explain": ("explain", "Explain why an event is not accepted now, and when it would be."),
    "forecast": ("foretell", "Tell how likely each end is, when it comes, and what it costs."),
    "stats": ("stats", "Show how often, how long, and where to, of all instances of a store."),
    "cost": ("cost", "Show what an instance costs, line by line."),
    "archive": ("upkeep", "Remove what ended long ago from a store."),
    "backup": ("upkeep", "Copy a store, also while a service runs on it."),
    "verify": ("upkeep", "Look for damage in a store."),
}


class Verbs(click.Group):
    """A group that knows its commands' names and help before it imports them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # likewise
        if cmd_name not in VERBS:
            return None
        module = import_module(f"statewf.cli.{VERBS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_verb")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # likewise
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            from difflib import get_close_matches

            alike = get_close_matches(args[0], VERBS, n=1)
            hint = f"Did you mean {alike[0]}?" if alike else f"There are {', '.join(VERBS)}."
            raise click.UsageError(f"There is no verb {args[0]}. {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.command(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, subcommand_metavar="VERB [ARGS]..."
)
@click.version_option(__version__, prog_name="statewf")
def statewf() -> None:
    """Workflows as explicit state machines: proved before they run, then run durably.

    Exit codes: 0 fine; 1 the answer is no (findings, a failed instance, a rejected event);
    2 the input is wrong.
    """


def run() -> NoReturn:
    """The entry point."""
    sys.exit(main(sys.argv[1:]))


def main(args: Sequence[str]) -> int:
    """One invocation: every error becomes a message, every outcome an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a character that nobody can show is no reason to fail
    color = False if os.environ.get("NO_COLOR") else None
    with click.Context(statewf, color=color).scope():
        return _main(args, color)


def _main(args: Sequence[str], color: bool | None) -> int:
    try:
        code = statewf.main(list(args), prog_name="statewf", standalone_mode=False, color=color)
        _flush()
    except BrokenPipeError:
        return _nobody_reads()
    except (Exception, KeyboardInterrupt) as error:
        return _told(error, as_json=_asks_json(args))
    return code if isinstance(code, int) else 0


def _asks_json(args: Sequence[str]) -> bool:
    """Whether the answer is to be JSON, also when the arguments cannot be understood."""
    options = args[: args.index("--")] if "--" in args else args
    return "--json" in options


def _told(error: BaseException, *, as_json: bool) -> int:
    if os.environ.get("STATEWF_TRACEBACK"):
        raise error
    from statewf.cli.tell import tell

    try:
        code = tell(error, as_json=as_json)
        _flush()
    except BrokenPipeError:
        return _nobody_reads()
    except OSError:
        return _nobody_reads(2)  # standard output is what failed, and nothing more can be said on it
    return code


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _nobody_reads(code: int = 1) -> int:
    """Nothing more can be said; let the interpreter not complain when it flushes what is left."""
    from statewf.cli.common import discard_output

    discard_output()
    return code
