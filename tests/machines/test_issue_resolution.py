"""A sick service is really mended, by the mildest remedy that helps, or by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import statewf as wf
from tests.machines.driving import drive, errors, example, files, read_json

NAME = "issue_resolution"


def resolve(folder: Path, which: str, **files_of_it: str) -> wf.Driver:
    inputs: dict[str, Any] = example(NAME, which, folder=str(folder))
    return drive(NAME, {**inputs, "files": {**inputs["files"], **files_of_it}}, "case")


def written(folder: Path) -> list[str]:
    return (folder / "case" / "report.md").read_text().splitlines()[2:]


def test_what_merely_crashed_is_started_again(tmp_path: Path) -> None:
    driver = resolve(tmp_path, "crashed")
    assert (driver.state, driver.success) == ("completed", True)
    assert driver.results["remedies"]["result"]["id"] == "restart"
    assert [driver.states[step] for step in ("rotate-log", "restore-config", "engineer")] == ["skipped"] * 3
    assert (tmp_path / "case" / "status").read_text() == "running\n"
    assert written(tmp_path) == ["- found: the service is crashed", "- helped: it was started again"]


def test_a_log_that_is_too_long_is_put_aside(tmp_path: Path) -> None:
    driver = resolve(tmp_path, "full-log")
    assert driver.results["remedies"]["result"]["id"] == "rotate-log"
    assert errors(driver) == {"restart": "it does not come up: the log has 540 bytes, and may have 400"}
    assert (tmp_path / "case" / "service.log").read_text() == ""
    assert len((tmp_path / "case" / "service.log.1").read_bytes()) == 540
    assert driver.results["verify"] == {"healthy": True, "problems": []}


def test_remedies_add_up(tmp_path: Path) -> None:
    driver = resolve(tmp_path, "broken-config")
    assert driver.results["remedies"]["result"]["id"] == "restore-config"
    assert sorted(errors(driver)) == ["restart", "rotate-log"]
    assert driver.success
    folder = tmp_path / "case"
    assert read_json(folder / "config.json") == read_json(folder / "config.last-good.json")
    assert written(tmp_path)[-1] == "- helped: its last good configuration was restored"


def test_what_shows_only_when_something_else_is_mended_is_found_by_the_verdict(tmp_path: Path) -> None:
    driver = resolve(tmp_path, "broken-config", **{"service.log": "x" * 500})  # not too long, by what was known
    assert driver.results["verify"]["problems"] == [
        "the log has 500 bytes, and may have 400",
        "the service is crashed",
    ]
    assert [task.step for task in driver.tasks] == ["engineer"]


def test_what_is_beyond_repair_wakes_somebody(tmp_path: Path) -> None:
    driver = resolve(tmp_path, "beyond-repair")
    assert driver.results["verify"]["problems"] == [
        "config.json: there is no port 80800",
        "the service is crashed",
    ]
    assert "no better: config.last-good.json does not say" in errors(driver)["restore-config"]
    assert [task.assigned_to for task in driver.tasks] == ["ann"]
    driver.advance(1800)
    assert [task.assigned_to for task in driver.tasks] == ["olga"]
    driver.complete("engineer", by="olga", comments="moved it to port 8080")
    assert (driver.state, driver.success) == ("completed", True)
    assert written(tmp_path)[-1] == "- olga said: moved it to port 8080"


def test_an_engineer_who_gives_up_ends_it(tmp_path: Path) -> None:
    driver = resolve(tmp_path, "beyond-repair")
    driver.complete("engineer", "rejected", by="ann")
    assert driver.state == "failed"
    assert files(tmp_path / "case") == ["config.json", "config.last-good.json", "service.log", "status"]


def test_what_is_well_is_left_alone(tmp_path: Path) -> None:
    driver = resolve(tmp_path, "healthy")
    assert driver.states["remediate"] == "skipped"
    assert driver.success
    assert written(tmp_path) == ["- found: nothing"]


@pytest.mark.parametrize("name", ["../evil", "passwd"])
def test_what_is_no_file_of_a_service_is_not_written(tmp_path: Path, name: str) -> None:
    driver = resolve(tmp_path / "in", "crashed", **{name: "x"})
    assert errors(driver)["collect"] == f"a service has no {name}"
    assert files(tmp_path) == []
