"""ECMAScript in a document as our conditions: the same grammar, other names.

`x` is `context.x` if the document has such `data`, `_event` is `event`, and `In('s')` asks `state` for the full name.

Below: `expr`. Above: `contents`, `reading`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from statewf.errors import ExpressionError
from statewf.expr import Expression, of_node, parse
from statewf.expr.syntax import Call, Literal, Member, Name, Node, quoted, rewritten

_STRING = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
_IN = re.compile(rf"""(?P<text>{_STRING})|\bIn\s*\(\s*(?P<state>{_STRING})\s*\)""")


class Untranslatable(Exception):
    """Something in an expression that our conditions do not have; the text says what."""


def translated(text: str, names: Container[str], states: Mapping[str, str]) -> Expression:
    """The expression of a text, where `states` gives the full names of ids. Raises Untranslatable."""

    def asked(found: re.Match[str]) -> str:
        if found["text"] is not None:
            return found[0]
        state = found["state"][1:-1]
        if state not in states:
            raise Untranslatable(f"In('{state}'): there is no such state")
        return f"includes(state, {quoted(states[state])})"

    def renamed(node: Node) -> Node | None:
        match node:
            case Call("includes", (Name("state"), Literal())):
                return node
            case Member(Name("_event"), key):
                if key not in ("name", "data"):
                    raise Untranslatable(f"_event.{key}")
                return Member(Name("event"), key)
            case Name(name):
                if name not in names:
                    raise Untranslatable(f"the variable {name}")
                return Member(Name("context"), name)
            case _:
                return None

    try:
        return of_node(rewritten(parse(_IN.sub(asked, text.strip())).node, renamed))
    except ExpressionError as error:
        raise Untranslatable(error.diagnostics[0].message) from None
