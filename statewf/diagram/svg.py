"""DOT text to SVG, by somebody else's program: the only impure corner of `diagram`.

A `dot` on the PATH is Graphviz itself; `graphviz-pure` is the same by pip (the extra `draw`), and found also
where this Python's scripts are, as in a virtual environment that is not activated.

Below: `errors`. Above: `draw`, which imports this only when an SVG is asked for.
"""

from __future__ import annotations

import shutil
import subprocess
import sysconfig

from statewf.errors import StatewfError

SECONDS = 60
NARROW = 'font-family="Helvetica,sans-Serif"'  # what Graphviz makes of Helvetica; a quote in text is an entity
WIDE = 'font-family="Helvetica,Arial,Liberation Sans,sans-serif"'  # all as wide as was reckoned with


def svg(dot: str) -> str:
    """The SVG document of a DOT text. Raises StatewfError where there is no program for it, or it fails."""
    program = renderer()
    if program is None:
        raise StatewfError('an SVG needs Graphviz: pip install "statewf[draw]", or put a dot on the PATH')
    command = [program, "-Kdot", "-Tsvg"]
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and nothing of the user's in the command
            command, input=dot.encode(), capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        message = f"{program} did not draw this within {SECONDS} seconds; --format dot gives its text"
        raise StatewfError(message) from None
    except OSError as error:
        raise StatewfError(f"{program} cannot be run: {error.strerror or error}") from None
    if done.returncode != 0 or not done.stdout:
        told = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise StatewfError(f"{program} failed: {told[0]}")
    return done.stdout.decode().replace(NARROW, WIDE)


def renderer() -> str | None:
    """The program that renders DOT, if there is one."""
    found = shutil.which("dot") or shutil.which("graphviz-pure")
    if found is not None:
        return found
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    return next(filter(None, (_in_scripts(scheme) for scheme in schemes)), None)


def _in_scripts(scheme: str) -> str | None:
    return shutil.which("graphviz-pure", path=sysconfig.get_path("scripts", scheme))
