"""A configuration, the plain data that people keep in JSON or YAML, as a `Shape`.

Its keys are those of `Machine(...)` and of the dicts that it takes for states and transitions. It is only read: where
the library would import what a text names, or make a class of it, here a name stays a name. How deep and how long it
may be is bounded.

Below: `notes`, `shape`. Above: `read`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from statewf.definition.model import Action
from statewf.definition.places import shown
from statewf.interop.transitions.notes import Notes
from statewf.interop.transitions.shape import Place, Shape, Way
from statewf.values.frozen import kind_of

DEEPEST = 50  # levels of states
MOST = 20_000  # states, and transitions when `*` is written out
LONGEST = 100 * 366 * 24 * 60 * 60  # seconds: what is longer is a slip
SEPARATORS = ("_", ".", "/", "↦")  # what the library may have between a state and one in it

MACHINE_KEYS = (
    *("states", "transitions", "initial", "name", "queued", "send_event", "auto_transitions"),
    *("ordered_transitions", "ignore_invalid_triggers", "before_state_change", "after_state_change"),
    *("prepare_event", "finalize_event", "on_exception", "on_final", "model_attribute", "model_override"),
    *("model", "models", "auto_transitions_markup", "title", "show_conditions", "show_auto_transitions"),
    *("show_state_attributes", "use_pygraphviz", "graph_engine"),
)
STATE_KEYS = (
    *(
        "name",
        "on_enter",
        "on_exit",
        "on_final",
        "final",
        "ignore_invalid_triggers",
        "initial",
        "children",
        "states",
    ),
    *("parallel", "transitions", "timeout", "on_timeout", "retries", "on_failure", "tags", "accepted", "label"),
)
WAY_KEYS = ("trigger", "source", "dest", "conditions", "unless", "before", "after", "prepare", "label")
WAY_LIST = ("trigger", "source", "dest", "conditions", "unless", "before", "after", "prepare")


class TooMuch(Exception):
    """More than is read; it was told already."""


def shape_of(document: Mapping[str, Any], notes: Notes) -> Shape:
    """The shape of a configuration; mistakes are gathered in the notes."""
    reader = _Reader(document, notes)
    try:
        return reader.shape()
    except TooMuch:
        notes.end()
        raise


class _Reader:
    """Reads one document."""

    def __init__(self, document: Mapping[str, Any], notes: Notes) -> None:
        self.document = document
        self.notes = notes
        self.counted = 0
        self.names: dict[str, str] = {}  # every spelling of a whole name, and the one with dots
        self.inner: dict[str, tuple[str, ...]] = {}  # the states right within each, in order
        self.declared: list[tuple[str, object, str]] = []  # scope, transitions, place

    def shape(self) -> Shape:
        document, notes = self.document, self.notes
        self.check_keys(document, MACHINE_KEYS, "$")
        self.tell_rest()
        ignores = self.flag(document, "ignore_invalid_triggers", "$")
        listed = self.listed(document.get("states"), "$.states")
        places = self.places(listed, "", "$.states", 0, bool(ignores))
        initial = self.initial(document.get("initial", "initial"))
        if "initial" in initial and "initial" not in self.names:
            places = (*places, Place("initial", "initial", "$.initial"))
            self.names["initial"] = "initial"
            self.inner[""] = (*self.inner[""], "initial")
            notes.remark("$.initial", "nothing is said, so the library adds a state called initial")
        self.declared.append(("", document.get("transitions"), "$.transitions"))
        ways = [way for scope, listed, where in self.declared for way in self.ways(listed, scope, where)]
        if document.get("ordered_transitions"):
            ways += self.ordered(places, initial)
        return Shape(
            name=self.text(document.get("name"), "$.name") or "machine",
            places=places,
            ways=tuple(ways),
            initial=initial,
            ignores=bool(ignores),
            before=self.actions(document, ("prepare_event", "before_state_change"), "$"),
            after=self.actions(document, ("after_state_change", "finalize_event"), "$"),
            on_final=self.actions(document, ("on_final",), "$"),
            queued=bool(document.get("queued")),
        )

    def tell_rest(self) -> None:
        document, notes = self.document, self.notes
        if document.get("on_exception"):
            notes.remark(
                "$.on_exception", "left out: a handler that fails changes no state, and is told in the history"
            )
        if document.get("finalize_event") or document.get("prepare_event"):
            notes.remark("$", "prepare_event and finalize_event are called only for an event that is accepted")
        if document.get("models"):
            notes.remark("$.models", "left out: where models are is no part of a definition, and no class is made")

    # --- states

    def places(
        self, listed: Sequence[object], around: str, where: str, depth: int, ignoring: bool
    ) -> tuple[Place, ...]:
        if depth > DEEPEST:
            self.notes.mistake("too-deep", f"states within each other in more than {DEEPEST} levels", where)
            raise TooMuch
        self.inner[around] = ()
        found = []
        for number, item in enumerate(listed):
            self.count(f"{where}[{number}]")
            place = self.place(item, around, f"{where}[{number}]", depth, ignoring)
            if place is not None:
                found.append(place)
        return tuple(found)

    def place(self, item: object, around: str, where: str, depth: int, ignoring: bool) -> Place | None:
        """A state: its name alone, or a dict."""
        state = item if isinstance(item, Mapping) else {"name": item}
        if state.get("name") is None:
            self.notes.mistake("missing-key", "a state without a name", where, "add name")
            return None
        key = self.text(state["name"], f"{where}.name")
        if key is None or not self.known(key, around, where):
            return None
        name = f"{around}.{key}" if around else key
        self.check_keys(state, STATE_KEYS, where)
        parallel = state.get("parallel")
        inside = next((word for word in ("parallel", "children", "states") if state.get(word)), "children")
        children = self.places(
            self.listed(state.get(inside), f"{where}.{inside}"), name, f"{where}.{inside}", depth + 1, ignoring
        )
        if state.get("transitions"):
            self.declared.append((name, state["transitions"], f"{where}.transitions"))
        initial = tuple(self.texts(state.get("initial"), f"{where}.initial"))
        ignores = self.flag(state, "ignore_invalid_triggers", where)
        timeout = self.number(state, "timeout", where)
        self.tell_features(state, where)
        return Place(
            name=name,
            key=key,
            where=where,
            children=children,
            initial=() if parallel else initial,
            parallel=bool(parallel) or len(initial) > 1,
            on_enter=self.actions(state, ("on_enter",), where),
            on_exit=self.actions(state, ("on_exit",), where),
            on_final=self.actions(state, ("on_final",), where),
            final=bool(self.flag(state, "final", where)),
            ignores=None if children or ignores == ignoring else ignores,
            timeout=round(timeout * 1000) if timeout > 0 else None,
            on_timeout=self.callbacks(state, "on_timeout", where) if timeout > 0 else (),
            retries=round(self.number(state, "retries", where)),
            on_failure=next(iter(self.callbacks(state, "on_failure", where)), None),
        )

    def known(self, key: str, around: str, where: str) -> bool:
        """Note the names of a state; whether there is no other of that name."""
        if key in self.inner[around]:
            self.notes.mistake("duplicate-name", f"there is another state {key}", where, "give it another name")
            return False
        self.inner[around] = (*self.inner[around], key)
        name = f"{around}.{key}" if around else key
        for separator in SEPARATORS:
            spelling = f"{around.replace('.', separator)}{separator}{key}" if around else key
            self.names.setdefault(spelling, name)
        return True

    def tell_features(self, state: Mapping[str, Any], where: str) -> None:
        if state.get("tags") or state.get("accepted"):
            self.notes.remark(where, "its tags are left out")
        if state.get("label"):
            self.notes.remark(where, "its label is left out")
        if self.number(state, "timeout", where) > 0 and not state.get("on_timeout"):
            self.notes.mistake(
                "missing-key", "timeout needs on_timeout beside it", where, "say what is called then"
            )
        if self.number(state, "retries", where) > 0 and not state.get("on_failure"):
            self.notes.mistake(
                "missing-key", "retries needs on_failure beside it", where, "say what is called then"
            )

    def initial(self, value: object) -> tuple[str, ...]:
        """Where the machine starts, by whole names."""
        return tuple(self.whole("", name) for name in self.texts(value, "$.initial"))

    def whole(self, scope: str, name: str) -> str:
        """The whole name, with dots, of what is called so in a scope; what is unknown stays as it is."""
        if not scope:
            return self.names.get(name, name)
        spelled = (f"{scope.replace('.', separator)}{separator}{name}" for separator in SEPARATORS)
        return next((self.names[known] for known in spelled if known in self.names), f"{scope}.{name}")

    # --- transitions

    def ways(self, value: object, scope: str, where: str) -> Iterator[Way]:
        for number, item in enumerate(self.listed(value, where)):
            at = f"{where}[{number}]"
            if isinstance(item, Mapping):
                said = item
            elif isinstance(item, list | tuple) and len(item) <= len(WAY_LIST):
                said = dict(zip(WAY_LIST, item, strict=False))
            else:
                self.notes.mistake("wrong-type", "a transition is a dict, or a list of trigger, source, dest", at)
                continue
            self.check_keys(said, WAY_KEYS, at)
            if missing := [key for key in ("trigger", "source", "dest") if key not in said]:
                self.notes.mistake("missing-key", f"a transition needs {' and '.join(missing)}", at)
                continue
            yield from self.way(said, scope, at)

    def way(self, said: Mapping[str, Any], scope: str, where: str) -> Iterator[Way]:
        """A transition for each of its sources."""
        trigger = self.text(said["trigger"], f"{where}.trigger")
        dest = None if said["dest"] is None else self.text(said["dest"], f"{where}.dest")
        if trigger is None or (dest is None and said["dest"] is not None):
            return
        if said.get("prepare"):
            self.notes.remark(
                where, "prepare is called only if the transition is taken, and after its conditions were asked"
            )
        if said.get("label"):
            self.notes.remark(where, "its label is left out")
        conditions = self.notes.conditions(self.texts(said.get("conditions"), f"{where}.conditions"), where)
        unless = tuple(self.texts(said.get("unless"), f"{where}.unless"))
        actions = self.actions(said, ("prepare", "before", "after"), where)
        for source in self.sources(said["source"], scope, dest, where):
            self.count(where)
            target = source if dest == "=" else None if dest is None else self.whole(scope, dest)
            targets = () if target is None else (target,)
            yield Way(trigger, source, targets, where, scope, conditions, unless, actions)

    def sources(self, value: object, scope: str, dest: str | None, where: str) -> Iterable[str]:
        """The states that `*`, a list or a name stands for: `*` for those of the level, or with `=` for all."""
        if value != "*":
            return [self.whole(scope, name) for name in self.texts(value, f"{where}.source")]
        if dest == "=":
            return [
                name for name in dict.fromkeys(self.names.values()) if not scope or name.startswith(f"{scope}.")
            ]
        return [f"{scope}.{key}" if scope else key for key in self.inner.get(scope, ())]

    def ordered(self, places: Iterable[Place], initial: tuple[str, ...]) -> Iterator[Way]:
        """The transitions from each state to the next, from the last to the first."""
        names = [place.name for top in places for place in top.all()]
        first = names.index(initial[0]) if initial and initial[0] in names else 0
        names = names[first:] + names[:first]
        for source, target in zip(names, [*names[1:], *names[:1]], strict=True):
            yield Way("next_state", source, (target,), "$.ordered_transitions")

    # --- values

    def actions(self, said: Mapping[str, Any], keys: Iterable[str], where: str) -> tuple[Action, ...]:
        names = ((name, f"{where}.{key}") for key in keys for name in self.texts(said.get(key), f"{where}.{key}"))
        return tuple(action for name, at in names for action in self.notes.actions([name], at))

    def callbacks(self, said: Mapping[str, Any], key: str, where: str) -> tuple[Action | str, ...]:
        """Callbacks that may be triggers."""
        return tuple(self.texts(said.get(key), f"{where}.{key}"))

    def listed(self, value: object, where: str) -> Sequence[object]:
        """What is a list, or stands by itself."""
        match value:
            case None:
                return ()
            case list() | tuple():
                return value
            case str() | Mapping():
                return (value,)
            case _:
                self.notes.mistake("wrong-type", f"expected a list, found {kind_of(value)}", where)
                return ()

    def texts(self, value: object, where: str) -> list[str]:
        found = (self.text(item, where) for item in self.listed(value, where))
        return [text for text in found if text is not None]

    def text(self, value: object, where: str) -> str | None:
        if value is None or isinstance(value, str):
            return value
        self.notes.mistake("wrong-type", f"expected a name, found {kind_of(value)}", where, "write it in quotes")
        return None

    def flag(self, said: Mapping[str, Any], key: str, where: str) -> bool | None:
        value = said.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.notes.mistake("wrong-type", f"expected true or false, found {kind_of(value)}", f"{where}.{key}")
        return None

    def number(self, said: Mapping[str, Any], key: str, where: str) -> float:
        value = said.get(key) or 0
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST:
            return value
        self.notes.mistake("wrong-type", f"expected a number from 0 on, found {shown(value)}", f"{where}.{key}")
        return 0

    def check_keys(self, said: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
        for key in said:
            if key not in keys:
                hint = self.notes.meant(str(key), keys)
                self.notes.mistake("unknown-key", f"transitions knows no {str(key)[:40]!r} here", where, hint)

    def count(self, where: str) -> None:
        self.counted += 1
        if self.counted > MOST:
            self.notes.mistake("too-much", f"more than {MOST:,} states and transitions", where)
            raise TooMuch
