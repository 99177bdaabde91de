"""XML text as a tree of elements with their lines, and nothing else: no entities, no document types, no files.

Below: expat. Above: `reading`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

import attrs

from statewf.errors import ConversionError, Diagnostic

LARGEST = 10 * 1024 * 1024  # bytes
DEEPEST = 100  # elements within each other
MOST = 100_000  # elements
NAMESPACE = "http://www.w3.org/2005/07/scxml"


@attrs.define(eq=False)
class Element:
    """One element. Its `tag` is the local name, or, of another namespace than SCXML's, the whole."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = attrs.field(factory=list)
    text: str = ""

    def all(self, *tags: str) -> Iterator[Element]:
        """The children with these tags, in order."""
        return (child for child in self.children if child.tag in tags)


def parsed(text: str | bytes) -> Element:
    """The root of a document. Raises ConversionError."""
    if len(text) > LARGEST:
        raise ConversionError([Diagnostic("too-large", f"more than {LARGEST:,} bytes")])
    parser = expat.ParserCreate(namespace_separator=" ")
    tree = _Tree(parser)
    parser.StartElementHandler = tree.begins
    parser.EndElementHandler = tree.ends
    parser.CharacterDataHandler = tree.says
    parser.StartDoctypeDeclHandler = tree.declares
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, True)
    except expat.ExpatError as error:
        message = f"this is no XML: {expat.errors.messages[error.code]}"
        raise ConversionError([Diagnostic("bad-xml", message, line=error.lineno)]) from None
    return tree.root


class _Tree:
    """A tree in the growing."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.parser = parser
        self.root = Element("", {}, 1)
        self._open: list[Element] = []
        self._count = 0

    def begins(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self._count += 1
        if self._count > MOST or len(self._open) >= DEEPEST:
            self._refuse("too-large", f"more than {MOST:,} elements, or {DEEPEST} within each other")
        element = Element(name.removeprefix(f"{NAMESPACE} "), attributes, line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def ends(self, _: str) -> None:
        self._open.pop()

    def says(self, text: str) -> None:
        self._open[-1].text += text

    def declares(self, *_: object) -> None:
        self._refuse("unsupported", "a document type declaration is not read: its entities could name files")

    def _refuse(self, code: str, message: str) -> NoReturn:
        raise ConversionError([Diagnostic(code, message, line=self.parser.CurrentLineNumber)])
