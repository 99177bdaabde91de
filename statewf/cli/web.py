"""The HTTP side of `serve`: what the options say of it, and serving it beside the executor.

Nothing of it is loaded before it is asked for. Below: `web`. Above: `drive`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs
import click

from statewf.errors import StatewfError

if TYPE_CHECKING:
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Step
    from statewf.runtime import Executor
    from statewf.runtime.metrics import Meter
    from statewf.web.feed import Feed

TOKEN = "STATEWF_TOKEN"  # noqa: S105  # the name of a variable
LIBRARIES = ("litestar", "uvicorn", "jinja2")


@attrs.define
class Web:
    """Where it is served, if anywhere (`port`), under which names, and to whom."""

    port: int | None
    host: str
    allowed: Sequence[str]
    token: str | None
    meter: Meter | None
    _feed: Feed | None = None

    @classmethod
    def of(cls, port: int | None, host: str, allowed: Sequence[str], token_file: str | None) -> Self:
        """As the options say. Raises click.UsageError, StatewfError for a file that cannot be read."""
        from statewf.runtime.metrics import Meter

        context = click.get_current_context()
        given = [name for name in ("host", "allowed", "token_file") if _is_given(context, name)]
        if port is None and given:
            raise click.UsageError(
                f"--{given[0].replace('allowed', 'allow-host').replace('_', '-')} goes with --port."
            )
        if port is None:
            return cls(port, host, allowed, None, None)
        return cls(port, host, allowed, _token(token_file), Meter())

    def kept(self, _machine: Machine, _step: Step) -> None:
        """A step was kept: whoever streams it looks for it."""
        if self._feed is not None:
            self._feed.nudge()

    @asynccontextmanager
    async def served(self, executor: Executor) -> AsyncIterator[None]:
        """Serve within the block, and say where. Raises StatewfError."""
        if self.port is None or self.meter is None:
            yield
            return
        try:
            from statewf.web.serving import served
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in LIBRARIES:
                raise
            raise StatewfError("a console and an HTTP API need libraries: pip install 'statewf[web]'") from None
        inner = served(executor, self.meter, host=self.host, port=self.port, allowed=self.allowed, token=self.token)
        async with inner as (address, feed):
            self._feed = feed
            click.echo(f"console at {address}, HTTP API at {address}/api/openapi.json", err=True)
            yield


def _is_given(context: click.Context, name: str) -> bool:
    from click.core import ParameterSource

    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _token(file: str | None) -> str | None:
    if file is None:
        found, place = os.environ.get(TOKEN), TOKEN
        found = found if found is None else found.strip()
    else:
        place = file
        try:
            found = Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StatewfError(f"the token cannot be read from {file}: {error}") from None
    if found == "":
        raise StatewfError(f"{place} is empty: whoever wants no token says none")
    return found
