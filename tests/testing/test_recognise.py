"""Our files and those of others, which have `steps`, `states` and a `machine`, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from statewf.testing import files, recognise
from statewf.testing.recognise import BEGINNING, kind_of

ROOT = Path(__file__).parent.parent.parent

DEFINITIONS = {
    "states.yaml": "name: a\ninitialState: a\nstates: {a: {terminal: true}}\n",
    "states.yml": "states:\n  a: {terminal: true}\n",  # its initial state is missing, which is to be told
    "flow.yaml": "{initialState: a, states: {a: {terminal: true}}}\n",
    "states.json": '{\n    "initialState": "a",\n    "states": {"a": {"terminal": true}}\n}\n',
    "compact.json": '{"initialState":"a","states":{"a":{"terminal":true}}}',
    "steps.yaml": "steps:\n  - {id: a, dependsOn: []}\n  - {id: b}\n",
    "slip.yaml": "steps:\n  - {id: a, handlr: x, timeout: 3}\n",
    "steps.json": '{"name": "x", "steps": [{"id": "a", "type": "wait", "duration": 3}]}',
    "broken.yaml": "initialState: a\nstates: {\n",
    "quoted.yaml": '"initialState": a\n"states": {a: {terminal: true}}\n',
}
SCENARIOS = {
    "scenario.yaml": "machine: ../a.yaml\nevents: []\n",
    "scenario.json": '{"machine": "a.json"}',
    "unreadable.yaml": "machine: a.yaml\nevents: [\n",
}
OTHERS = {
    "compose.yaml": "services:\n  web: {image: nginx}\n",
    ".github/workflows/ci.yml": "on: push\njobs:\n  test:\n    steps:\n      - {id: a, uses: actions/checkout@v4}\n",
    "action.yml": "runs:\n  using: composite\n  steps:\n    - {id: a, run: make}\n",
    "azure-pipelines.yml": "trigger: [main]\nsteps:\n- script: make\n  displayName: Make\n",
    "cloudbuild.yaml": "steps:\n- {id: a, name: gcr.io/x, args: [b], waitFor: ['-']}\n- {id: b, name: y, args: []}\n",
    "pipeline.yml": "steps:\n  - {label: a, command: make, key: b}\n",
    "circle.yml": "machine:\n  node: {version: 6}\n",
    "inventory.yaml": "machine: server-7\n",
    "openapi.json": json.dumps({"openapi": "3.1.0", "components": {"machine": {"states": {}}}}),
    "xstate.json": '{"id": "a", "initial": "a", "states": {"a": {"on": {"GO": "b"}}, "b": {}}}',
    "amazon.json": '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}',
    "usa.json": '{"states": {"NY": "New York"}}',
    "list.json": '[{"states": {}}, {"steps": []}]',
    "values.yaml": "steps:\n{{- range .Values.steps }}\n",
    "empty.yaml": "",
    "nothing.json": "null",
    "states.txt": "initialState: a\nstates: {}\n",
    "recipe.yaml": "steps: [boil, fry]\n",
}


@pytest.fixture
def written(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    name, text = request.param
    file = tmp_path.joinpath(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize("written", DEFINITIONS.items(), indirect=True, ids=DEFINITIONS)
def test_a_definition_is_ours(written: Path) -> None:
    assert kind_of(written) == "definition"


@pytest.mark.parametrize("written", SCENARIOS.items(), indirect=True, ids=SCENARIOS)
def test_a_scenario_is_ours(written: Path) -> None:
    assert kind_of(written) == "scenario"


@pytest.mark.parametrize("written", OTHERS.items(), indirect=True, ids=OTHERS)
def test_what_others_have_is_theirs(written: Path) -> None:
    assert kind_of(written) is None


@pytest.mark.parametrize("written", [("pipeline.yml", OTHERS["pipeline.yml"])], indirect=True)
def test_what_the_user_names_is_ours_if_it_may_be(written: Path) -> None:
    assert kind_of(written, meant=True) == "definition"


def test_what_is_in_this_repository() -> None:
    found = {path: kind_of(path) for path in (ROOT / "machines").rglob("*") if path.is_file()}
    assert all(kind == "definition" for path, kind in found.items() if path.parent.name == "machines" and kind)
    assert sum(kind == "definition" for kind in found.values()) == len(list((ROOT / "machines").glob("*.yaml")))
    others = [path for path in (ROOT / "machines").glob("*/*.yaml") if path.name != "assumed.yaml"]
    assert sum(kind == "scenario" for kind in found.values()) == len(others)


def test_what_is_not_ours_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: str) -> None:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(files, "document", read)
    large = tmp_path / "large.json"
    large.write_text('{"rows": [' + "1," * BEGINNING + '0], "states": {}}')
    assert recognise.kind_of(large) is None
    for name in ("compose.yaml", "amazon.json", "empty.yaml", "action.yml"):
        path = tmp_path / name
        path.write_text(OTHERS[name])
        assert recognise.kind_of(path) is None
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    assert recognise.kind_of(tmp_path / "dangling.yaml") is None
