"""Lines of Python: calls that break where they are long, blocks, and the imports of what they use.

Below: nothing but values. Above: `write`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

WIDTH = 100  # of a line without what is before it
_BASE = "statewf.interop.statemachine.chart"
_FROM = {"State": "statemachine", "HistoryState": "statemachine", "timeout": "statemachine.contrib.timeout"}
_OWN = (
    *("Chart", "again", "assign", "attempts", "backoff", "call", "calling"),
    *("emit", "exactly", "guard", "heard", "outcome", "pause", "raised", "unread"),
)
WORDS = (*_FROM, *_OWN)  # all that a written class may ask of others


class Item(NamedTuple):
    """An argument: its keyword, if any, and one text or several, which make a list."""

    key: str
    texts: tuple[str, ...]

    def inline(self) -> str:
        """It in one line."""
        value = self.texts[0] if len(self.texts) == 1 else f"[{', '.join(self.texts)}]"
        return f"{self.key}={value}" if self.key else value

    def lines(self) -> Iterator[str]:
        """It in several lines, if it is long."""
        one = f"{self.inline()},"
        if len(one) <= WIDTH or len(self.texts) == 1:
            yield one
            return
        yield f"{self.key}=["
        yield from (f"    {text}," for text in self.texts)
        yield "],"


def item(key: str, *texts: str) -> Item:
    """An argument."""
    return Item(key, texts)


class Text:
    """The words that a text has used, to be imported."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def word(self, name: str) -> str:
        """The name, which will be imported."""
        self._used.add(name)
        return name

    def call(self, name: str, *items: Item) -> str:
        """A call of it, in one line."""
        return f"{self.word(name)}({', '.join(one.inline() for one in items)})"

    def imports(self) -> Iterator[str]:
        """The lines that import them, sorted as usual."""
        modules = sorted(
            {_FROM.get(name, _BASE) for name in self._used}, key=lambda module: (module == _BASE, module)
        )
        for module in modules:
            names = sorted((n for n in self._used if _FROM.get(n, _BASE) == module), key=lambda n: (n.islower(), n))
            if module == _BASE:
                yield ""
            line = f"from {module} import {', '.join(names)}"
            yield from (
                [line] if len(line) <= WIDTH else [f"from {module} import (", *(f"    {n}," for n in names), ")"]
            )


def laid_out(head: str, items: Iterable[Item], end: str = "") -> list[str]:
    """A call with these arguments, in one line or in several."""
    listed = list(items)
    one = f"{head}({', '.join(item.inline() for item in listed)}){end}"
    if len(one) <= WIDTH:
        return [one]
    return [f"{head}(", *(f"    {line}" for item in listed for line in item.lines()), f"){end}"]


def block(head: str | Iterable[str], body: Iterable[str]) -> list[str]:
    """Lines with others in them."""
    inner: list[str] = []
    for line in body:
        if line or (inner and inner[-1]):  # one empty line is enough, and none comes first
            inner.append(line)
    while inner and not inner[-1]:
        inner.pop()
    return [*([head] if isinstance(head, str) else head), *(f"    {line}" for line in inner)]


def literal(value: object) -> str:
    """A JSON value as Python has it, in double quotes where that needs no escapes."""
    match value:
        case str() if value.isprintable() and '"' not in value and "\\" not in value:
            return f'"{value}"'
        case Mapping():
            return f"{{{', '.join(f'{literal(key)}: {literal(each)}' for key, each in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
        case _:
            return repr(value)


def seconds(milliseconds: int) -> str:
    """Milliseconds as seconds."""
    return str(milliseconds // 1000) if milliseconds % 1000 == 0 else repr(milliseconds / 1000)
