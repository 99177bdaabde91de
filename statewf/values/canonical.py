"""One text for one value: sorted keys, no spaces, so that equal values have equal digests."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from statewf.values.frozen import Map


def canonical(value: Any) -> str:
    """The canonical JSON text of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def compact(value: Any) -> str:
    """JSON text without spaces, in the order of the value: what is stored and shown."""
    return _COMPACT(value)


def digest(value: Any) -> str:
    """The SHA-256 of the canonical text, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Map):
        return {key: value[key] for key in sorted(value)}
    raise TypeError(f"{type(value).__name__} is not JSON")


_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_plain).encode
