"""The states and transitions of an SCXML document.

Ids are unique in a document, names among siblings; so a target is written by its id where that is found from there, and
by its full name elsewhere.

Below: `xml`, `expressions`, `contents`. Above: the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from statewf.definition.model import Action, State, StateMachine, Transition
from statewf.errors import ConversionError, DefinitionError, Diagnostic
from statewf.expr import Expression
from statewf.interop.conversion import Imported, Remark
from statewf.interop.scxml.contents import Contents
from statewf.interop.scxml.expressions import Untranslatable, translated
from statewf.interop.scxml.xml import Element, parsed
from statewf.machine.fsm import is_pattern

STATES = ("state", "parallel", "final", "history")
DATA_MODELS = ("null", "ecmascript")
DONE = "done.state."


@attrs.define(eq=False)
class _Place:
    """A state of the document, where it stands."""

    element: Element
    name: str
    full: str
    parent: _Place | None
    inner: list[_Place] = attrs.field(factory=list)

    def lineage(self) -> Iterator[_Place]:
        yield self
        if self.parent is not None:
            yield from self.parent.lineage()


def read(text: str | bytes, *, name: str = "scxml", source: str | None = None) -> Imported:
    """The definition of a document; `name` is what it is called unless it says so itself. Raises ConversionError."""
    root = parsed(text)
    if root.tag != "scxml":
        raise ConversionError(
            [Diagnostic("bad-scxml", f"the root is <{root.tag}>, not <scxml>", line=root.line)], source
        )
    reader = _Reader(root)
    definition = reader.definition(root.attributes.get("name") or name)
    if reader.contents.wrong or definition is None:
        raise ConversionError(sorted(reader.contents.wrong, key=lambda found: found.line or 0), source)
    return Imported(definition, tuple(reader.contents.remarks))


class _Reader:
    def __init__(self, root: Element) -> None:
        self.root = root
        self.places: dict[str, _Place] = {}  # by id
        self.doubles: list[Element] = []
        self.outermost = list(self.grown(root, None))
        states = {known: place.full for known, place in self.places.items()}
        self.data = list(_data(root))
        self.contents = Contents(frozenset(one.attributes.get("id", "") for one in self.data), states)
        self.dotted = any("." in token for token in self.tokens(root))

    def grown(self, element: Element, parent: _Place | None) -> Iterator[_Place]:
        """The states right within an element; one without an id is called after its kind."""
        for child in element.all(*STATES):
            known = child.attributes.get("id")
            name = known or f"{child.tag}{len(self.places) + 1}"
            place = _Place(child, name, f"{parent.full}.{name}" if parent else name, parent)
            if name in self.places:
                self.doubles.append(child)
            self.places[name] = place
            place.inner = list(self.grown(child, place))
            yield place

    # --- the whole

    def definition(self, name: str) -> StateMachine | None:
        given, root = self.root.attributes, self.root
        for key, allowed in (("datamodel", DATA_MODELS), ("binding", ("early",))):
            if given.get(key, allowed[0]) not in allowed:
                self.contents.refuse(f'{key}="{given[key]}"', root, f"only {' and '.join(allowed)}")
        for double in self.doubles:
            message = f"there is another state {double.attributes.get('id')}"
            self.contents.wrong.append(Diagnostic("duplicate-id", message, f"<{double.tag}>", double.line))
        self.foreign(root, (*STATES, "datamodel", "transition", "initial"))
        if not self.outermost:
            self.contents.wrong.append(Diagnostic("no-states", "there is no state in it", line=root.line))
            return None
        if any(root.all("transition")):
            remark = "transitions are given to each of the outermost states, after its own"
            self.contents.remarks[Remark("<scxml>", remark)] = None
        if not self.dotted:
            remark = "taken by their whole names: `a` does not take `a.b`, for no name in the document has a dot"
            self.contents.remarks[Remark("events", remark)] = None
        first = self.initial(root, self.outermost, None)
        states = {place.name: self.state(place) for place in self.outermost}
        context = {one.attributes.get("id", ""): self.constant(one) for one in self.data}
        try:
            kept = {key: state for key, state in states.items() if state is not None}
            return (
                StateMachine(name, first, kept, unexpected="ignore", context=context)
                if not self.contents.wrong
                else None
            )
        except DefinitionError as error:
            self.contents.wrong += error.diagnostics
            return None

    def foreign(self, element: Element, known: Sequence[str]) -> None:
        """Tell of children that are none of those known."""
        for child in element.children:
            if child.tag not in known:
                self.contents.refuse(f"<{child.tag}>", child, "call a handler from an action or an invoke")

    def constant(self, data: Element) -> Any:
        """What some data are at first."""
        text = data.attributes.get("expr", data.text.strip() or "null")
        if "src" in data.attributes:
            self.contents.refuse("src of <data>", data, "write the value into the document")
            return None
        try:
            value = translated(text, (), {})
            return value.evaluate({}) if value.constant else None
        except Untranslatable as error:
            self.contents.refuse(f"<data> {text[:60]} ({error})", data, "give it at the start, as an input")
            return None

    # --- states

    def state(self, place: _Place) -> State | None:
        element = place.element
        known = (*STATES, "transition", "onentry", "onexit", "initial", "datamodel")
        self.foreign(element, known)
        if element.tag == "history":
            leads = self.default(place)
            kept = {"history": element.attributes.get("type", "shallow")}
            return self.made(place, {**kept, "initial": leads} if leads else kept)
        parts: dict[str, Any] = {
            key: [action for block in element.all(tag) for action in self.contents.actions(block.children)]
            for key, tag in (("on_entry", "onentry"), ("on_exit", "onexit"))
        }
        if element.tag == "final":
            return self.made(place, self.ending(place, **parts))
        parts |= self.leading(place)
        if place.inner:
            inner = {child.name: self.state(child) for child in place.inner}
            parts["states"] = {name: state for name, state in inner.items() if state is not None}
            proper = [child for child in place.inner if child.element.tag != "history"]
            parts |= (
                {"parallel": True}
                if element.tag == "parallel"
                else {"initial": self.initial(element, proper, place)}
            )
        return self.made(place, parts)

    def ending(self, place: _Place, on_entry: list[Action], on_exit: list[Action]) -> dict[str, Any]:
        """A final state; an outermost one ends it all, and so is left as soon as it is entered."""
        if place.parent is not None:
            return {"final": True, "on_entry": on_entry, "on_exit": on_exit}
        if on_exit:
            self.contents.remarks[Remark(place.full, "its onexit is done on entry: the machine ends with it")] = (
                None
            )
        return {"terminal": True, "on_entry": [*on_entry, *on_exit]}

    def made(self, place: _Place, parts: Mapping[str, Any]) -> State | None:
        try:
            return State(**parts)
        except DefinitionError as error:
            line = place.element.line
            self.contents.wrong += (attrs.evolve(d, path=place.full, line=line) for d in error.diagnostics)
            return None

    # --- where it begins

    def initial(self, element: Element, inner: Sequence[_Place], place: _Place | None) -> tuple[str, ...]:
        """The states that are entered with one, as they are called in it; the first unless something is said."""
        text = element.attributes.get("initial")
        for written in element.all("initial"):
            text = next((way.attributes.get("target", "") for way in written.all("transition")), "")
            if any(way.children for way in written.all("transition")):
                self.contents.refuse("content in <initial>", written, "put it into the onentry of the state")
        if text is None:
            return (inner[0].name,) if inner else ()
        within = f"{place.full}." if place else ""
        return tuple(found.full.removeprefix(within) for found in self.found(text, element))

    def default(self, place: _Place) -> tuple[str, ...]:
        """Where a history leads as long as nothing is remembered."""
        around = f"{place.parent.full}." if place.parent else ""
        ways = list(place.element.all("transition"))
        if any(way.children for way in ways):
            self.contents.refuse("content in <history>", place.element, "put it into the onentry of the state")
        return tuple(
            goal.full.removeprefix(around)
            for way in ways
            for goal in self.found(way.attributes.get("target", ""), way)
        )

    def found(self, text: str, element: Element) -> list[_Place]:
        """The states that are named."""
        for known in text.split():
            if known not in self.places:
                message = f"there is no state {known}"
                self.contents.wrong.append(Diagnostic("unknown-target", message, f"<{element.tag}>", element.line))
        return [self.places[known] for known in dict.fromkeys(text.split()) if known in self.places]

    # --- transitions

    def leading(self, place: _Place) -> dict[str, Any]:
        """The transitions of a state, by event: under each name all that may take it, in document order."""
        written = [*place.element.all("transition"), *(() if place.parent else self.root.all("transition"))]
        taking = [(list(self.events(way)), self.transition(way, place)) for way in written]
        keys = dict.fromkeys(event for events, _ in taking for event in events)
        on = {}
        for key in keys:
            listed = [(event, way) for events, way in taking for event in events if way and _covers(event, key)]
            while listed[1:] and listed[-1][0] != key:
                listed.pop()  # what is less exact comes after, anyway
            on[key] = [way for i, (_, way) in enumerate(listed) if not any(way is other for _, other in listed[:i])]
        always = [way for events, way in taking if not events and way]
        return {"on": {key: ways for key, ways in on.items() if ways}, "always": always}

    def transition(self, way: Element, place: _Place) -> Transition | None:
        given = way.attributes
        targets = self.found(given.get("target", ""), way)
        guard = self.guard(way)
        actions = list(self.contents.actions(way.children))
        compound = bool(place.inner) and place.element.tag == "state"
        inward = all(place in list(target.lineage())[1:] for target in targets)
        internal = given.get("type") == "internal" and compound and inward and bool(targets)
        if "event" not in given and not targets and not actions:
            self.contents.refuse("a transition without event, target and content", way, "remove it")
            return None
        names = tuple(self.name(target, place) for target in targets)
        return Transition(names or None, guard=guard, actions=actions, internal=internal)

    def guard(self, way: Element) -> Expression | None:
        if "cond" not in way.attributes:
            return None
        guard = self.contents.expression(way.attributes["cond"], way)
        if "event" not in way.attributes and any(path[0] == "event" for path in guard.reads):
            self.contents.refuse("_event without an event", way, "assign what is to be known of it later")
        return guard

    def name(self, target: _Place, source: _Place) -> str:
        """What a target is called where it is written."""
        for place in source.lineage():
            siblings = place.parent.inner if place.parent else self.outermost
            if any(sibling.name == target.name for sibling in siblings):
                return target.name  # ids are unique, so it is this one
        mistaken = any(place.full == target.name for place in self.places.values())
        return target.name if target.parent is source and not mistaken else target.full

    def tokens(self, element: Element) -> Iterator[str]:
        """The names of events in a document, but for those of its own that it only waits for."""
        for child in element.children:
            named = child.attributes.get("event", "").split()
            yield from (_plain(name) for name in named if not name.startswith(("done.", "error.")))
            yield from self.tokens(child)

    def events(self, way: Element) -> Iterator[str]:
        """The events that a transition takes, as they are called in `on`."""
        for name in way.attributes.get("event", "").split():
            plain = _plain(name)
            if f"{plain}.".startswith(("error.", "done.invoke.")):
                self.contents.refuse(f"the event {name}", way, "a fault in a condition counts as false here")
            elif plain.startswith(DONE):
                yield from (DONE + place.full for place in self.found(plain.removeprefix(DONE), way))
            elif plain == "*":
                yield plain
            else:
                yield f"{plain}.*" if self.dotted or name != plain or plain in ("done", "done.state") else plain


def _data(element: Element) -> Iterator[Element]:
    """All data of a document: they are there from the start, wherever they stand."""
    for child in element.children:
        if child.tag == "data":
            yield child
        elif child.tag in ("datamodel", *STATES):
            yield from _data(child)


def _plain(name: str) -> str:
    """A name of events without the dot, or the star, that says no more than the name does."""
    return name.removesuffix(".*").removesuffix(".")


def _covers(event: str, key: str) -> bool:
    """Whether all that a key stands for is taken by a name of events."""
    if event in (key, "*"):
        return True
    return is_pattern(event) and f"{key.removesuffix('.*')}.".startswith(event[:-1]) and key != "*"
