"""Paths, lines, and mistakes on their way to people."""

from __future__ import annotations

import json

from statewf.definition.document import document
from statewf.definition.places import Mistake, Places, Spot, path_text, shown
from statewf.definition.read import read
from statewf.errors import Diagnostic

SPOTS = Spot(1, {"states": Spot(2, {"paid": Spot(3, {"on": Spot(4)})}), "list": Spot(7, [Spot(8), Spot(9)])})


def test_the_line_of_the_innermost_part_that_is_known() -> None:
    places = Places("f.yaml", lambda: SPOTS)
    assert places.line(()) == 1
    assert places.line(("states", "paid", "on")) == 4
    assert places.line(("states", "paid", "on", "PAY", 0)) == 4
    assert places.line(("states", "gone", "on")) == 2
    assert places.line(("list", 1)) == 9
    assert places.line(("list", 5)) == 7
    assert places.line(("list", "x")) == 7
    assert places.line((0,)) == 1


def test_python_objects_have_no_lines() -> None:
    assert Places().line(("states",)) is None


def test_lines_are_found_once_and_only_when_asked_for() -> None:
    asked = []

    def find() -> Spot:
        asked.append(1)
        return SPOTS

    places = Places(None, find)
    assert not asked
    assert (places.line(("states",)), places.line(())) == (2, 1)
    assert asked == [1]


def test_places_do_not_count_when_comparing() -> None:
    assert Places("a", lambda: None) == Places("a", lambda: SPOTS)


def test_paths_as_people_read_them() -> None:
    assert path_text(()) == "$"
    assert path_text(("states", "processing-payment", "on", "PAY", 0)) == "$.states.processing-payment.on.PAY[0]"
    assert path_text(("a b", "404", "")) == "$['a b']['404']['']"


def test_a_mistake_gets_its_path_and_line() -> None:
    places = Places("f", lambda: SPOTS)
    mistake = Mistake("c", "m", ("on",), "h", tail=".x[0]").under(("states", "paid"))
    assert mistake.diagnostic(places) == Diagnostic("c", "m", "$.states.paid.on.x[0]", 4, "h")
    assert Mistake("c", "m", ("list",), line=99).diagnostic(places).line == 99


def test_values_in_messages_are_short() -> None:
    assert [shown(value) for value in (None, True, 3, 2.5, "a", "é" * 50)] == [
        *("null", "true", "3", "2.5", '"a"'),
        '"' + "é" * 40 + '..."',
    ]
    assert [shown(value) for value in ([1], {"a": 1}, 10**5000)] == ["a list", "an object", "a very large number"]


NESTED = """\
steps:
  - id: first
  - id: choice
    type: condition
    condition: inputs.a
    then:
      id: block
      type: parallel
      steps:
        - id: x
          dependsOn:
            - y
            - z
        - id: y
    else:
      id: other
"""


def test_nested_steps_know_their_lines() -> None:
    places = read(NESTED).places
    deep = ("steps", 1, "then", "steps", 0, "dependsOn", 1)
    assert [places.line(deep[:n]) for n in range(len(deep) + 1)] == [1, 1, 3, 6, 9, 10, 11, 13]
    assert places.line(("steps", 1, "else", "id")) == 16
    text = json.dumps(document(NESTED).value, indent=1)
    lines = text.splitlines()
    in_json = read(text).places
    for path, start in [
        (deep, '"z"'),
        (deep[:-1], '"dependsOn": ['),
        (deep[:-2], "{"),
        ((*deep[:-2], "id"), '"id": "x"'),
        (("steps", 1, "else"), '"else": {'),
    ]:
        line = in_json.line(path)
        assert line is not None
        assert lines[line - 1].strip().startswith(start)
    flow = read(json.dumps(document(NESTED).value)).places
    assert flow.line(deep) == 1
