"""What a scalar of YAML means: version 1.2's core schema, and the few tags that a definition may have.

YAML 1.1, which PyYAML's own resolvers read, takes `on`, `yes` and `12:30` for something else than text; here
they are text. What JSON cannot hold (`.inf`, integers without end) is refused.

Below: `values`, PyYAML's events. Above: `yaml_text`.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from statewf.definition.places import LONGEST_INTEGER, shown

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMERIC = frozenset("0123456789+-.")
INFINITE = frozenset(sign + text for sign in ("", "+") for text in (".inf", ".Inf", ".INF"))

_TAGS = "tag:yaml.org,2002:"
_TEXT_TAGS = ("!", _TAGS + "str")
_CONTAINER_TAGS: dict[type, tuple[str, str]] = {dict: ("!", _TAGS + "map"), list: ("!", _TAGS + "seq")}
_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    _TAGS + "null": (type(None),),
    _TAGS + "bool": (bool,),
    _TAGS + "int": (int,),
    _TAGS + "float": (float, int),
}


class Unfit(Exception):
    """A scalar or tag that cannot be kept; `instead` stands for it, so that reading can go on."""

    def __init__(self, code: str, message: str, hint: str | None = None, instead: Any = None) -> None:
        self.code = code
        self.message = message
        self.hint = hint
        self.instead = instead
        super().__init__(message)


def scalar(event: yaml.ScalarEvent) -> Any:
    """The value of a scalar: its tag decides, or else the core schema for plain text."""
    tag, text = event.tag, event.value
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise Unfit("not-unicode", "text with a lone surrogate, which no UTF-8 can hold", instead="")
    if tag is None:
        return plain(text) if event.implicit[0] else text
    if tag in _TEXT_TAGS:
        return text
    if tag not in _SCALAR_TAGS:
        raise _bad_tag(tag, text)
    return _tagged(tag, text)


def plain(text: str) -> Any:
    """The value of plain text in the core schema."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMERIC:
        return text
    value = _number(text)
    if isinstance(value, float) and not math.isfinite(value):
        hint = "write it in quotes if text is meant"
        raise Unfit("not-finite", f"{text[:40]} is not a JSON number", hint, 0)
    return value


def check_container_tag(tag: str | None, kind: type) -> None:
    """A mapping or list may say that it is one, and nothing else."""
    if tag is not None and tag not in _CONTAINER_TAGS[kind]:
        raise _bad_tag(tag, None)


def _tagged(tag: str, text: str) -> Any:
    value = plain(text)
    if type(value) not in _SCALAR_TAGS[tag]:
        raise Unfit("bad-tag", f"{shown(text)} is no value for the tag {_short(tag)}", instead=text)
    return float(value) if tag.endswith("float") else value


def _number(text: str) -> int | float | str:
    """The number that plain text is, or the text."""
    if _INT.fullmatch(text):
        return int(_checked(text, LONGEST_INTEGER))
    if _OTHER_BASE.fullmatch(text):
        return int(_checked(text, LONGEST_INTEGER * 3 // 4)[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def _checked(text: str, longest: int) -> str:
    if len(text) > longest:
        raise Unfit("huge-number", f"an integer of more than {longest:,} digits", instead=0)
    return text


def _bad_tag(tag: str, instead: str | None) -> Unfit:
    hint = "a definition is plain data; text that starts with ! must be in quotes"
    return Unfit("bad-tag", f"the tag {_short(tag)} is not allowed", hint, instead)


def _short(tag: str) -> str:
    return tag.replace(_TAGS, "!!")[:60]
