"""The line of everything in a JSON text that is known to be fine.

The standard library tells no places, so whoever wants a line has the text read again, for lines alone: one
pass over its tokens, a few times as slow as the fast parser and without its limits.

Below: `places`. Above: `json_text`, which has made sure that the text is JSON.
"""

from __future__ import annotations

import json
import re

from statewf.definition.places import Spot

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}\n]|[^\s\[\]{},:"]+')


def spots(text: str) -> Spot:
    """The spot of the whole, and of all its parts."""
    line, key_line = 1, 0
    key: str | None = None
    around: list[dict[str, Spot] | list[Spot]] = [[]]
    leaf = Spot(line)  # one for all scalars of a line
    for found in _TOKEN.finditer(text):
        token = found.group()
        first = token[0]
        inner = around[-1]
        if first == "\n":
            line += 1
            leaf = Spot(line)
        elif first in "]}":
            around.pop()
        elif first == '"' and key is None and isinstance(inner, dict):
            key = json.loads(token) if "\\" in token else token[1:-1]
            key_line = line
        else:
            parts: dict[str, Spot] | list[Spot] | None = {} if first == "{" else [] if first == "[" else None
            if isinstance(inner, list):
                inner.append(leaf if parts is None else Spot(line, parts))
            elif key is not None:
                inner[key] = Spot(key_line, parts) if parts is not None or key_line != line else leaf
            key = None
            if parts is not None:
                around.append(parts)
    (whole,) = around[0]
    assert isinstance(whole, Spot)
    return whole
