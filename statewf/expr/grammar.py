"""Text to tree: the grammar, the limits, and what a person is told about a mistake.

Below: `syntax`, `functions`. Above: `parse` in the package. The grammar is a subset of JavaScript's: what is
read here, JavaScript reads too, with the same precedence. The parser is LALR with a stack of its own, so no
input can exhaust Python's; the depth of the tree is checked before anything recurses into it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import attrs

from statewf.errors import Diagnostic, ExpressionError
from statewf.expr.functions import FUNCTIONS
from statewf.expr.syntax import (
    UNDEFINED,
    Array,
    Binary,
    Call,
    Conditional,
    Index,
    Literal,
    Logical,
    Member,
    Name,
    Node,
    Unary,
    deeper_than,
    is_number,
)

LENGTH = 10_000  # characters
DEPTH = 100  # levels of the tree

# `short` keeps ?? apart from && and ||, which JavaScript does not let meet without parentheses.
# A sign may not be doubled: `--` and `++` are JavaScript's own, and mean something else there.
GRAMMAR = r"""
?start: conditional

?conditional: short
    | short "?" conditional ":" conditional         -> choose
?short: disjunction
    | equality (COALESCE equality)+                 -> logical
?disjunction: conjunction
    | conjunction (OR conjunction)+                 -> logical
?conjunction: equality
    | equality (AND equality)+                      -> logical
?equality: ordering
    | equality EQUALITY ordering                    -> binary
?ordering: additive
    | ordering ORDERING additive                    -> binary
?additive: term
    | additive (PLUS | MINUS) term                  -> binary
?term: unary
    | term TERM unary                               -> binary
?unary: postfix
    | (PLUS | MINUS | NOT) unary                    -> unary
?postfix: primary
    | postfix ("." | _CHAIN) NAME                   -> member
    | postfix _CHAIN? "[" conditional "]"           -> index
?primary: "(" conditional ")"
    | NUMBER                                        -> number
    | STRING                                        -> string
    | NAME                                          -> name
    | "[" (conditional ("," conditional)* ","?)? "]"      -> array
    | NAME "(" (conditional ("," conditional)* ","?)? ")" -> call

COALESCE: "??"
OR: "||"
AND: "&&"
EQUALITY: /[=!]==?/
ORDERING: /[<>]=?/
PLUS: /\+(?!\+)/
MINUS: /-(?!-)/
TERM: /[*\/%]/
NOT: "!"
_CHAIN: /\?\.(?![0-9])/
NUMBER: /(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w$.])/
STRING: /"(?:[^"\\\r\n]|\\(?:\r\n|[\s\S]))*"|'(?:[^'\\\r\n]|\\(?:\r\n|[\s\S]))*'/
NAME: /(?!\d)[\w$]+/
%ignore /\s+/
"""


def parsed(text: str) -> Node:
    """The tree of a condition. Raises ExpressionError with the column, what was found there, and a hint."""
    if len(text) > LENGTH:
        message = f"the condition has {len(text):,} characters, more than {LENGTH:,}"
        raise ExpressionError([Diagnostic("expression-too-long", message)])
    if not text.strip():
        raise ExpressionError([Diagnostic("bad-expression", "the condition is empty")])
    try:
        node = _parser()(text)
    except _Mistake as mistake:
        raise ExpressionError([mistake.diagnostic(text)]) from None
    if deeper_than(node, DEPTH):
        message = f"the condition is nested deeper than {DEPTH} levels"
        hint = "split it, or test one value after another"
        raise ExpressionError([Diagnostic("expression-too-deep", message, hint=hint)])
    return node


@cache
def _parser() -> Callable[[str], Node]:
    # Imported on first use: `import statewf` must be cheap, and many programs parse no condition.
    from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken

    builder: Any = _Builder()  # lark only asks it for methods by the names of the rules
    lark = Lark(GRAMMAR, parser="lalr", lexer="basic", transformer=builder, maybe_placeholders=False)

    def run(text: str) -> Node:
        try:
            node: Any = lark.parse(text)
        except UnexpectedCharacters as error:
            raise _stray(text, error.pos_in_stream or 0) from None
        except UnexpectedToken as error:
            found: Token = error.token
            if found.type == "$END":
                raise _misplaced(text, len(text), "", error.expected) from None
            raise _misplaced(text, found.start_pos or 0, str(found), error.expected) from None
        return _node(node)

    return run


# --- the tree -----------------------------------------------------------------------------------------------

_Part: TypeAlias = Any  # a Node, or a token of lark: a str with a place, whose type we cannot name unimported


class _Builder:
    """One method a rule; lark calls it with what the rule matched."""

    def choose(self, parts: list[_Part]) -> Node:
        return Conditional(*map(_node, parts))

    def logical(self, parts: list[_Part]) -> Node:
        return Logical(str(parts[1]), tuple(map(_node, parts[::2])))

    def binary(self, parts: list[_Part]) -> Node:
        left, operator, right = parts
        return Binary({"==": "===", "!=": "!=="}.get(operator, str(operator)), _node(left), _node(right))

    def unary(self, parts: list[_Part]) -> Node:
        operator, operand = parts
        if operator == "-" and isinstance(operand, Literal) and is_number(operand.value):
            return Literal(-operand.value)  # type: ignore[operator]  # a number, as the line above found
        return Unary(str(operator), _node(operand))

    def member(self, parts: list[_Part]) -> Node:
        of, key = parts
        return Member(_node(of), _name(key))

    def index(self, parts: list[_Part]) -> Node:
        of, key = map(_node, parts)
        match key:
            case Literal(str(text)):
                return Member(of, text)
            case _:
                return Index(of, key)

    def name(self, parts: list[_Part]) -> Node:
        return _WORDS.get(parts[0]) or Name(_name(parts[0]))

    def number(self, parts: list[_Part]) -> Node:
        return Literal(_number(parts[0]))

    def string(self, parts: list[_Part]) -> Node:
        return Literal(_unescaped(parts[0]))

    def array(self, parts: list[_Part]) -> Node:
        return Array(tuple(map(_node, parts)))

    def call(self, parts: list[_Part]) -> Node:
        name, *arguments = parts
        function = FUNCTIONS.get(name)
        if function is None:
            raise _unknown_function(name)
        if not function.accepts(len(arguments)):
            least = "at least " if function.many else ""
            message = f"{name} takes {least}{_arguments(len(function.takes))}, not {len(arguments)}"
            raise _Mistake(name.start_pos, message, function.usage(name), "wrong-arguments")
        return Call(str(name), tuple(map(_node, arguments)))


def _node(part: _Part) -> Node:
    assert isinstance(part, Node), part
    return part


_WORDS: Mapping[str, Literal] = {
    "true": Literal(True),
    "false": Literal(False),
    "null": Literal(None),
    "undefined": Literal(UNDEFINED),
}


def _name(token: _Part) -> str:
    if not token.replace("$", "_").isidentifier():  # the grammar's \w has digits such as ², too
        raise _Mistake(token.start_pos, f"{_clipped(token)} is no name")
    return str(token)


def _number(token: _Part) -> int | float:
    value = float(token)
    if math.isinf(value):
        raise _Mistake(token.start_pos, f"{_clipped(token)} is too large for a number")
    if token.isdigit():
        return int(token)  # exactly, beyond 2^53 too: it may be compared with such a number
    return int(value) if value.is_integer() and abs(value) <= 2**53 else value


_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(\r\n|[\s\S]))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_CONTINUED = ("\n", "\r", "\r\n", "\u2028", "\u2029")  # a line that goes on: both characters vanish


def _unescaped(token: _Part) -> str:
    def replaced(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code is None:
            return _escaped(match, token)
        if int(code, 16) > 0x10FFFF:
            raise _Mistake(token.start_pos + 1 + match.start(), f"{match[0]} is beyond the last character")
        return chr(int(code, 16))

    text = _ESCAPE.sub(replaced, token[1:-1])
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")  # joins \ud83d\ude00
    except UnicodeDecodeError:
        raise _Mistake(token.start_pos, "this text has half a character (a lone surrogate)") from None


def _escaped(match: re.Match[str], token: _Part) -> str:
    char = match[4]
    if char in _CONTINUED:
        return ""
    octal = char in "123456789" or (char == "0" and token[1:-1][match.end() : match.end() + 1].isdigit())
    if char in "ux" or octal:
        place = token.start_pos + 1 + match.start()
        raise _Mistake(place, f"the escape {match[0]} is unknown", r"write \n, \x41, \u0041")
    return _ESCAPED.get(char, char)


# --- what a person is told ----------------------------------------------------------------------------------


@attrs.frozen
class _Mistake(Exception):
    position: int
    message: str
    hint: str | None = None
    code: str = "bad-expression"

    def diagnostic(self, text: str) -> Diagnostic:
        before = text[: self.position]
        line = f"line {before.count(chr(10)) + 1}, " if "\n" in text.strip() else ""
        column = self.position - (before.rfind("\n") + 1) + 1
        return Diagnostic(self.code, f"{line}column {column}: {self.message}", hint=self.hint)


_HINTS = {
    "=": "use === to compare",
    "&": "use && for and",
    "|": "use || for or",
    "and": "use && for and",
    "or": "use || for or",
    "not": "use ! for not",
    "in": 'use includes(list, value) or has(object, "name")',
    "`": "write text in quotes, and join it with +",
    "{": "a condition makes no objects",
    "\u201c": 'use straight quotes: "',
    "\u201d": 'use straight quotes: "',
    "\u2018": "use straight quotes: '",
    "\u2019": "use straight quotes: '",
    '"': "the quote is never closed",
    "'": "the quote is never closed",
    "--": "write -(-a)",
    "++": "write +(+a), or a + b",
    "=>": "use >= to compare",
    "=<": "use <= to compare",
    "<>": "use !== for different",
    "**": "there is no power; multiply",
}


def _stray(text: str, position: int) -> _Mistake:
    """A mistake at a character that begins nothing."""
    if text[position].isdigit():
        word = re.split(r"[^\w$.]", text[position:], maxsplit=1)[0]
        return _Mistake(position, f"found {_clipped(word)}, which is no number", "write 12, 0.5 or 1e3")
    hint = _HINTS.get(text[position : position + 2]) or _HINTS.get(text[position])
    return _Mistake(position, f"found {_clipped(text[position])}, which means nothing here", hint)


def _misplaced(text: str, position: int, found: str, expected: set[str]) -> _Mistake:
    """A mistake at a word that cannot stand where it stands; `found` is empty at the end of the text."""
    if "NAME" in expected:
        wanted = "a value" if "NUMBER" in expected else "a name"
        hint = _HINTS.get(text[:position].rstrip()[-1:] + found) if found else None
    elif found:
        wanted, hint = "an operator or the end", _operator_hint(text[:position].rstrip(), found)
    else:
        wanted, hint = "more", "close every ( and [, and give every ? its :"
    return _Mistake(position, f"found {_clipped(found)} where {wanted} was expected", hint)


def _operator_hint(before: str, found: str) -> str | None:
    if re.search(r"(?<![\w$.])not$", before):
        return _HINTS["not"]
    if found in ("??", "&&", "||"):  # refused though an operator may stand here: it is the mixture that is wrong
        return "JavaScript does not mix ?? with && and ||; put parentheses around one of them"
    if found == "(" and re.search(r"[\w$]$", before):
        return "values have no methods; write includes(list, value) instead of list.includes(value)"
    if re.fullmatch(r"\.[0-9]+", found):
        return f"write [{found[1:]}] for an item of a list"
    return _HINTS.get(found)


def _clipped(found: str) -> str:
    return repr(str(found) if len(found) <= 20 else found[:20] + "...") if found else "the end"


def _unknown_function(name: _Part) -> _Mistake:
    close = difflib.get_close_matches(name.lower(), _MEANT, 1, cutoff=0.7)
    meant = _MEANT[close[0]] if close else None
    hint = f"did you mean {FUNCTIONS[meant].usage(meant)}?" if meant else f"there are {', '.join(FUNCTIONS)}"
    return _Mistake(name.start_pos, f"there is no function {_clipped(name)}", hint, "unknown-function")


# What people may have meant: our names, however capitalised, and what other languages call them.
_MEANT = {name.lower(): name for name in FUNCTIONS} | {
    "length": "len",
    "size": "len",
    "count": "len",
    "contains": "includes",
    "tolowercase": "lower",
    "touppercase": "upper",
    "hasown": "has",
    "exists": "has",
}


def _arguments(count: int) -> str:
    return f"{count} argument{'' if count == 1 else 's'}"
