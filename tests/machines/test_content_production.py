"""Articles are really written, illustrated, checked and published."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.machines.driving import drive, errors, example, files

NAME = "content_production"


def test_an_article_is_published(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "machines", site=str(tmp_path)), "c-1")
    assert (driver.state, driver.success) == ("completed", True)
    assert files(tmp_path) == ["c-1.html", "c-1.png"]
    page = (tmp_path / "c-1.html").read_text(encoding="utf-8")
    assert page.startswith("<h1>How machines wait</h1>\n<img src=")
    assert page.count("<p>") == 2
    assert driver.results["grammar-check"] == {"sentences": 4}
    assert driver.results["generate-images"]["result"]["id"] == "drawn-image"


def test_the_picture_is_one(tmp_path: Path) -> None:
    drive(NAME, example(NAME, "machines", site=str(tmp_path)), "c-1")
    data = (tmp_path / "c-1.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    assert len(zlib.decompress(data[at + 4 : at + 4 + length])) == 64 * (1 + 3 * 96)


def test_a_picture_from_the_archive_is_enough(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "machines.png").write_bytes(b"png")
    driver = drive(NAME, example(NAME, "machines", site=str(tmp_path)))
    assert driver.results["generate-images"]["result"]["id"] == "archive-image"


@pytest.mark.parametrize(
    ("changed", "step", "told"),
    [
        ({"notes": "- machines machines wait"}, "grammar-check", "twice: Machines"),
        ({"notes": ""}, "research", "there is nothing known about the topic"),
        (
            {"notes": "machines never wait for anybody said the engineer and went home"},
            "plagiarism-check",
            "70% of it is from an old essay",
        ),
    ],
)
def test_what_is_not_published(tmp_path: Path, changed: dict[str, str], step: str, told: str) -> None:
    driver = drive(NAME, example(NAME, "machines", site=str(tmp_path), **changed))
    assert driver.state == "failed"
    assert errors(driver)[step] == told


def test_without_a_headline_of_the_desk_the_topic_will_do(tmp_path: Path) -> None:
    inputs = example(NAME, "machines", site=str(tmp_path))
    del inputs["headline"]
    driver = drive(NAME, inputs, "c-1")
    assert (driver.state, driver.success) == ("completed", False)
    assert (tmp_path / "c-1.html").read_text(encoding="utf-8").startswith("<h1>machines</h1>")
