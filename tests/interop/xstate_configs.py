"""Generated configs of XState v5: nested, parallel and remembered states, every form of a target, delays, actors.

What is done is told by names: `in a.b`, `out a.b`, and one of each transition, so that the order of it can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

EVENTS = ("A", "B", "C", "m.x", "m.y")
RAISED = ("R", "S")
PATTERNS = ("*", "m.*")
FACTS = ("f", "g")  # guards by name; the facts of a run say what they answer
DELAYS = ("1000", "2000", "3000")
MOST_NESTED = 3

facts = st.fixed_dictionaries({name: st.booleans() for name in FACTS})
scripts = st.lists(
    st.sampled_from([*EVENTS, "m", "Z"])
    | st.sampled_from([1000, 1500])
    | st.tuples(st.sampled_from(["done", "error"]), st.sampled_from(["load", "save"])),
    max_size=10,
)


class _Drawing:
    """One config in the drawing: first where states stand, then what they do."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.kinds: dict[tuple[str, ...], str] = {}  # of each state by its path, in document order

    def chance(self, one_in: int) -> bool:
        return self.draw(st.sampled_from([False] * (one_in - 1) + [True]))

    def shape(self, path: tuple[str, ...], kind: str) -> None:
        self.kinds[path] = kind
        if kind not in ("compound", "parallel"):
            return
        for i in range(self.draw(st.integers(2 if kind == "parallel" or not path else 1, 3))):
            kinds = ["atomic", "atomic", "compound", "parallel"] if len(path) < MOST_NESTED else ["atomic"]
            more = ["final", "history"] if i else []
            self.shape((*path, f"s{len(self.kinds)}"), self.draw(st.sampled_from([*kinds, *more])))

    def inner(self, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        return [other for other in self.kinds if other[:-1] == path and other != path]

    def state(self, path: tuple[str, ...]) -> dict[str, Any]:
        kind, name = self.kinds[path], ".".join(path)
        if kind == "history":
            return {"type": "history", "history": self.draw(st.sampled_from(["shallow", "deep"]))}
        config: dict[str, Any] = {"entry": self.deeds(f"in {name}")} if path else {}
        if path:
            config["exit"] = self.deeds(f"out {name}")
            config |= {"id": f"id {name}"} if self.chance(6) else {}
        if kind == "final":
            return {"type": "final", **config}
        if path or self.chance(3):
            config |= self.doing(path, name)
        if kind == "parallel":
            config["type"] = "parallel"
        inner = self.inner(path)
        if kind == "compound":
            config["initial"] = inner[0][-1]
        if inner:
            config["states"] = {child[-1]: self.state(child) for child in inner}
            if self.chance(2):
                config["onDone"] = self.ways(path, f"{name} done")
        return config

    def doing(self, path: tuple[str, ...], name: str) -> dict[str, Any]:
        names = st.lists(st.sampled_from([*EVENTS, *RAISED, *PATTERNS]), max_size=3, unique=True)
        config: dict[str, Any] = {"on": {event: self.ways(path, f"{name} {event}") for event in self.draw(names)}}
        if self.chance(8):
            config["always"] = [{**self.way(path, f"{name} always"), "guard": "g"}]
        if self.chance(4):
            config["after"] = self.after(path, name)
        if self.chance(6):
            done, failed = self.ways(path, f"{name} loaded"), self.ways(path, f"{name} failed")
            config["invoke"] = {
                "src": self.draw(st.sampled_from(["load", "save"])),
                "onDone": done,
                "onError": failed,
            }
        return config

    def after(self, path: tuple[str, ...], name: str) -> dict[str, Any]:
        if self.kinds[path] != "atomic" or self.chance(2):
            text = self.text(
                path, self.one(outside for outside in self.kinds if outside[: len(path)] != path or not path)
            )
            return {self.draw(st.sampled_from(DELAYS)): text} if path else {}
        marks = self.draw(st.lists(st.sampled_from(DELAYS), min_size=1, max_size=2, unique=True))
        return {delay: self.ways(path, f"{name} after {delay}") for delay in marks}

    def ways(self, path: tuple[str, ...], told: str) -> Any:
        listed = [self.way(path, f"{told} {i}") for i in range(self.draw(st.integers(1, 2)))]
        return listed[0] if len(listed) == 1 and self.chance(2) else listed

    def way(self, path: tuple[str, ...], told: str) -> dict[str, Any]:
        way: dict[str, Any] = {"actions": self.deeds(told, rarely="always" in told)}
        if self.chance(3):
            way["guard"] = self.guard()
        if self.chance(4):
            return way
        if self.chance(5) and (pairs := list(self.apart())):
            way["target"] = [self.text(path, one) for one in self.draw(st.sampled_from(pairs))]
        else:
            way["target"] = self.text(path, self.one(name for name in self.kinds if name))
        if self.chance(4):
            way["reenter"] = self.draw(st.booleans())
        return way

    def guard(self) -> Any:
        name = self.draw(st.sampled_from(FACTS))
        if self.chance(4):
            return {"type": name, "params": {"n": 1}}
        return name

    def text(self, source: tuple[str, ...], target: tuple[str, ...]) -> str:
        """One of the ways to name a state."""
        forms = ["#m." + ".".join(target)]
        if source and target[:-1] == source[:-1]:
            forms.append(target[-1])
        if target[: len(source)] == source and target != source:
            forms.append("." + ".".join(target[len(source) :]))
        return self.draw(st.sampled_from(forms))

    def one(self, paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        return self.draw(st.sampled_from([path for path in paths if path]))

    def apart(self) -> Iterable[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Two states each that can be active side by side."""
        paths = list(self.kinds)
        for i, one in enumerate(paths):
            for other in paths[i + 1 :]:
                common = next(
                    (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                    min(len(one), len(other)),
                )
                if common < min(len(one), len(other)) and self.kinds[one[:common]] == "parallel":
                    yield one, other

    def deeds(self, told: str, *, rarely: bool = False) -> Any:
        actions: list[Any] = [told]
        if self.chance(40 if rarely or told.startswith(("in", "out")) else 6):
            event = self.draw(st.sampled_from(RAISED))
            actions.append({"type": "xstate.raise", "params": {"event": {"type": event}}})
        return actions if len(actions) > 1 or self.chance(3) else told


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """A config of XState v5. Some are not held here, for they lead where nothing can lead, or need what is refused."""
    drawing = _Drawing(draw)
    drawing.shape((), draw(st.sampled_from(["compound", "compound", "parallel"])))
    config = drawing.state(())
    if drawing.kinds[()] == "compound":
        config["states"]["end"] = {"type": "final", "entry": "in end", "exit": "out end"}
    return {"id": "m", **config}
