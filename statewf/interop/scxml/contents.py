"""Executable content as actions: what is assigned, raised and sent.

Whatever cannot be said is told as a diagnostic; nothing is left out but `log`. An `if` is worked out to what each name
is worth at its end: all names of one `assign` action are computed before any is set, so one action does for all of it.

Below: `xml`, `expressions`. Above: `reading`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from statewf.definition.model import Action, Assign, Raise
from statewf.errors import DefinitionError, Diagnostic, ExpressionError
from statewf.expr import Expression, of_node, parse
from statewf.expr.syntax import Conditional, Literal, Member, Name, Node, rewritten
from statewf.interop.conversion import Remark, unsupported
from statewf.interop.scxml.expressions import Untranslatable, translated
from statewf.interop.scxml.xml import Element
from statewf.values.duration import milliseconds

PROCESSORS = ("scxml", "http://www.w3.org/TR/scxml/#SCXMLEventProcessor")
_OF_EVENTS = ("namelist", "idlocation", "typeexpr", "targetexpr")


@attrs.define(eq=False)
class Contents:
    """What is known of a document while its contents are read, and what is found wrong in them."""

    names: frozenset[str]  # of data
    states: Mapping[str, str]  # full names by id
    wrong: list[Diagnostic] = attrs.field(factory=list)
    remarks: dict[Remark, None] = attrs.field(factory=dict)

    def refuse(self, what: str, element: Element, hint: str) -> None:
        """Tell what cannot be converted."""
        self.wrong.append(unsupported(what, f"<{element.tag}>", hint, element.line))

    def expression(self, text: str, element: Element) -> Expression:
        """An expression of the document; a constant in place of one that cannot be said, which is told."""
        try:
            return translated(text, self.names, self.states)
        except Untranslatable as error:
            hint = "say it with what conditions here have: docs/definitions.md, Conditions"
            self.refuse(f"{text.strip()[:60]} ({error})", element, hint)
            return parse("false")

    def actions(self, elements: Iterable[Element]) -> Iterator[Action]:
        """The actions of some content."""
        for element in elements:
            match element.tag:
                case "assign":
                    for name, value in self.assigned(element):
                        yield Assign({name: value})
                case "if":
                    if values := self.branching(element, {}):
                        yield Assign({name: self.checked(value, element) for name, value in values.items()})
                case "raise":
                    yield from self.raised(element, element.attributes.get("event", ""), None)
                case "send":
                    yield from self.sent(element)
                case "log":
                    self.remarks[Remark("<log>", "is left out: it does nothing to the machine")] = None
                case _:
                    self.refuse(f"<{element.tag}>", element, "call a handler: {type: function, handler: NAME}")

    def assigned(self, element: Element) -> Iterator[tuple[str, Expression]]:
        location, value = element.attributes.get("location", "").strip(), element.attributes.get("expr")
        if location not in self.names:
            self.refuse(f"assigning to {location or 'nothing'}", element, "assign to a whole <data>, by its id")
        elif value is None:
            self.refuse("<assign> of content", element, "write expr")
        else:
            yield location, self.expression(value, element)

    def branching(self, element: Element, before: Mapping[str, Node]) -> dict[str, Node]:
        """What names are worth after an `if`, given what they were worth by what came before in this content."""
        branches: list[tuple[Node | None, list[Element]]] = [(self.condition(element, before), [])]
        for child in element.children:
            if child.tag == "elseif":
                branches.append((self.condition(child, before), []))
            elif child.tag == "else":
                branches.append((None, []))
            else:
                branches[-1][1].append(child)
        after = dict(before)
        for test, inside in reversed(branches):
            taken = self.run(inside, before)
            if test is None:
                after = taken
                continue
            names = {**taken, **after}
            after = {
                name: Conditional(test, taken.get(name, _now(name)), after.get(name, _now(name))) for name in names
            }
        return after

    def run(self, elements: Iterable[Element], before: Mapping[str, Node]) -> dict[str, Node]:
        """What names are worth after the content of a branch."""
        worth = dict(before)
        for element in elements:
            if element.tag == "assign":
                for name, value in self.assigned(element):
                    worth[name] = _with(value.node, worth)
            elif element.tag == "if":
                worth = self.branching(element, worth)
            elif element.tag != "log":
                self.refuse(f"<{element.tag}> in <if>", element, "make it a guard of two transitions")
        return worth

    def condition(self, element: Element, before: Mapping[str, Node]) -> Node:
        return _with(self.expression(element.attributes.get("cond", ""), element).node, before)

    def checked(self, value: Node, element: Element) -> Expression:
        """The expression, if it is one that may be written down."""
        try:
            return parse(of_node(value).text)
        except ExpressionError:
            self.refuse("an <if> of so many branches", element, "call a handler that computes it")
            return parse("null")

    # --- events

    def raised(self, element: Element, event: str, delay: int | None) -> Iterator[Action]:
        try:
            yield Raise(event, delay)
        except DefinitionError as error:
            self.wrong += (attrs.evolve(d, path=f"<{element.tag}>", line=element.line) for d in error.diagnostics)

    def sent(self, element: Element) -> Iterator[Action]:
        given = element.attributes
        for key in _OF_EVENTS:
            if key in given:
                self.refuse(f"{key} of <send>", element, "assign what the receiver is to know")
        if any(element.all("param", "content")):
            self.refuse("data in <send>", element, "assign what the receiver is to know")
        if given.get("type", PROCESSORS[0]) not in PROCESSORS:
            self.refuse(
                f"<send> of type {given['type']}", element, "call a handler: {type: function, handler: NAME}"
            )
        target = given.get("target", "")
        if target not in ("", "#_internal"):
            self.refuse(f"<send> to {target}", element, "emit an event: {type: emit, event: NAME}")
        event = given.get("event") or self.constant(element, "eventexpr")
        delay = given.get("delay") or self.constant(element, "delayexpr") or "0"
        if event is None:
            self.refuse("<send> without an event", element, "write event")
            return
        try:
            yield from self.raised(element, event, None if target == "#_internal" else _delay(delay))
        except ValueError:
            self.refuse(f"the delay {delay}", element, "write 10ms or 1.5s")

    def constant(self, element: Element, key: str) -> str | None:
        """The text that an expression always is."""
        if key not in element.attributes:
            return None
        node = self.expression(element.attributes[key], element).node
        if isinstance(node, Literal) and isinstance(node.value, str):
            return node.value
        self.refuse(f"{key} of <send> that is no constant", element, f"write {key.removesuffix('expr')}")
        return "none"


def _delay(text: str) -> int:
    """Milliseconds of a CSS time: `10ms`, `1.5s`."""
    text = text.strip()
    if text.endswith("s") and not text.endswith("ms"):
        return round(float(text[:-1]) * 1000)
    return milliseconds(text if text.endswith("ms") else f"{text}ms")


def _now(name: str) -> Node:
    return Member(Name("context"), name)


def _with(node: Node, worth: Mapping[str, Node]) -> Node:
    """An expression with what names are worth by now in their place."""

    def known(part: Node) -> Node | None:
        return worth.get(part.key) if isinstance(part, Member) and part.object == Name("context") else None

    return rewritten(node, known)
