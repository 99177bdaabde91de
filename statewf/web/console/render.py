"""Pages from templates, and the files that they ask for.

Everything that a template is given is escaped, unless it was made here; a name that it is not given is a bug, and told. The files are
read once: no path of a request leads to one. Below: `words`. Above: `desk`.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from statewf.diagram.colours import INK, TAKEN, TONES
from statewf.values.shares import percent
from statewf.web.console import words
from statewf.web.paths import path, query, quoted

ASSETS = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
GROUND, PAPER = "#0d1420", "#e8edf6"  # behind pictures in the dark, and what is bright there


@attrs.frozen
class Asset:
    """A file that pages ask for."""

    body: bytes
    media_type: str


def _tones() -> str:
    """The colours of pictures as a style sheet: as they are drawn, and in the dark mixed with it."""
    rules = [
        f"svg .edge.taken path,svg .edge.taken polygon{{stroke:{TAKEN}}}svg .edge.taken polygon{{fill:{TAKEN}}}"
    ]
    dark = [f"svg .edge text{{fill:color-mix(in oklab,{INK} 45%,{PAPER})}}"]
    for name, colours in TONES.items():
        box = f"svg .tone-{name}>:is(path,polygon,ellipse)"
        rules.append(
            f"{box}{{fill:{colours.fill};stroke:{colours.border}}}svg .tone-{name} text{{fill:{colours.text}}}"
            f".chip.tone-{name},.bar .tone-{name}{{background:{colours.fill};color:{colours.text};"
            f"border-color:{colours.border};fill:{colours.border}}}"
        )
        strong = colours.text == "#ffffff"
        fill = colours.fill if strong else f"color-mix(in oklab,{colours.border} 22%,{GROUND})"
        text = "#ffffff" if strong else f"color-mix(in oklab,{colours.border} 25%,{PAPER})"
        dark.append(
            f"{box}{{fill:{fill}}}svg .tone-{name} text{{fill:{text}}}"
            f".chip.tone-{name}{{background:{fill};color:{text}}}"
        )
    return f"{''.join(rules)}@media (prefers-color-scheme:dark){{{''.join(dark)}}}"


def _assets() -> dict[str, Asset]:
    folder = files("statewf.web.console") / "static"
    found = {name: Asset((folder / name).read_bytes(), media) for name, media in ASSETS.items()}
    return {**found, "tones.css": Asset(_tones().encode(), "text/css")}


class Console:
    """All templates and files."""

    def __init__(self) -> None:
        self.assets = _assets()
        loader = PackageLoader("statewf.web.console")
        made = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        filters = (
            words.lasting,
            words.moment,
            words.iso,
            words.away,
            percent,
            words.pretty,
            words.short,
            words.timer,
        )
        made.filters.update({one.__name__: one for one in filters}, quoted=quoted)
        print_of = sha256(b"".join(asset.body for asset in self.assets.values())).hexdigest()[:12]
        made.globals.update(
            path=path, query=query, changed=words.changed, zip=zip, version=version("statewf"), print=print_of
        )
        # Compiled here, in 0.2 s: else whoever comes first waits for it, and so does each event that is sent meanwhile.
        self._templates = {name: made.get_template(name) for name in made.list_templates(["html"])}

    def page(self, template: str, given: Mapping[str, Any]) -> str:
        """A page of that template."""
        return self._templates[template].render(given)


def drawn(svg: str) -> Markup:
    """A picture that was made here, in which every name is escaped."""
    return Markup(svg)  # noqa: S704  # Graphviz escapes what it draws, and `plate` what it adds
