"""`statewf VERB`: the verbs, and what becomes of errors."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from statewf import __version__

# verb -> module of `statewf.cli`, and what it is for; read by `--help` without importing any of them
VERBS = {
    "check": ("inspect", "Tell all that is wrong with definitions, and what may surprise."),
    "draw": ("inspect", "Draw a machine, or where an instance of it is."),
    "simulate": ("scenarios", "Play one scenario in virtual time."),
    "test": ("scenarios", "Play scenario files, and tell which expectations fail."),
    "run": ("drive", "Start an instance and drive it to its end, live."),
    "start": ("drive", "Start an instance, and print its id."),
    "send": ("drive", "Send an event to an instance."),
    "cancel": ("drive", "End an instance."),
    "serve": ("drive", "Own a store: perform what is open, fire timers, go on after a crash."),
    "list": ("look", "List the instances of a store."),
    "show": ("look", "Show where an instance is, and what it may do next."),
    "history": ("look", "Show everything that happened to an instance."),
}


class Verbs(click.Group):
    """A group that knows its commands' names and help before it imports them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"statewf.cli.{VERBS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_verb")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            from difflib import get_close_matches

            alike = get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {alike[0]}?" if alike else ""
            raise click.UsageError(f"There is no verb {args[0]}.{hint}", ctx)
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


def run() -> None:
    """The entry point: every error a message, every outcome an exit code."""
    try:
        code = statewf.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        code = 1
    except Exception as error:
        code = _told(error)
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception) -> int:
    from statewf.cli.common import tell_error
    from statewf.errors import StatewfError

    if not isinstance(error, StatewfError):
        raise error
    return tell_error(error)
