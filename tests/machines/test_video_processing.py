"""Films are really scaled, cut into scenes and shown; what is made of a film that shows nothing is removed."""

from __future__ import annotations

import struct
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import statewf as wf
from tests.machines import driving
from tests.machines.driving import errors, example, files, undone

NAME = "video_processing"
handlers: Any = import_module(f"machines.{NAME}_handlers")


def drive(inputs: dict[str, Any]) -> wf.Driver:
    return driving.drive(NAME, inputs, "job")


def colours(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and dots of a PNG, read as its standard says."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    parts, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(kind + data)
        parts[kind] = data
        at += length + 12
    width, height = struct.unpack_from(">II", parts[b"IHDR"])
    rows, line = zlib.decompress(parts[b"IDAT"]), 1 + 3 * width
    assert len(rows) == height * line
    return width, height, [rows[y * line + 1 + 3 * x :][:3] for y in range(height) for x in range(width)]


# --- the workflow


def test_a_film_gets_smaller_and_is_shown_by_its_scenes(tmp_path: Path) -> None:
    driver = drive(example(NAME, "clip", folder=str(tmp_path)))
    assert (driver.state, driver.success) == ("completed", True)
    assert errors(driver) == {"tiny": "a film of 64x48 cannot be 8 times smaller"}
    assert files(tmp_path) == [
        f"job/{name}" for name in ("film-2.y4m", "film-4.y4m", "scene-0.png", "scene-24.png", "scene-8.png")
    ]
    half = handlers.read_y4m((tmp_path / "job" / "film-2.y4m").read_bytes())
    assert (half.width, half.height, half.rate, len(half.frames)) == (32, 24, 8, 32)
    found = driver.results["analyze"]
    assert found["seconds"] == 4
    assert [(scene["start"], scene["dark"]) for scene in found["scenes"]] == [
        *((0, False), (8, False), (16, True), (24, False))
    ]
    width, height, dots = colours((tmp_path / "job" / "scene-0.png").read_bytes())
    assert (width, height) == (32, 24)
    red, green, blue = dots[0]
    assert red > green > blue  # a sunrise
    assert len({dot[0] for dot in colours((tmp_path / "job" / "scene-8.png").read_bytes())[2]}) > 4  # bars


def test_nothing_is_kept_of_a_film_that_shows_nothing(tmp_path: Path) -> None:
    driver = drive(example(NAME, "night", folder=str(tmp_path)))
    assert driver.state == "compensated"
    assert errors(driver)["analyze"] == "the film is dark from its first frame to its last"
    assert undone(driver) == ["small:remove-rendition", "large:remove-rendition"]
    assert files(tmp_path) == []


def test_a_film_may_be_a_file(tmp_path: Path) -> None:
    film = handlers.pattern(["bars", "sunrise"], 1, 160, 96, 4)
    (tmp_path / "in.y4m").write_bytes(handlers.write_y4m(film))
    driver = drive({"film": str(tmp_path / "in.y4m"), "folder": str(tmp_path / "out")})
    assert driver.success
    assert driver.results["tiny"] == {**driver.results["tiny"], "width": 20, "height": 12, "frames": 8}
    assert [scene["start"] for scene in driver.results["analyze"]["scenes"]] == [0, 4]


def test_a_film_that_is_not_there_is_asked_for_twice(tmp_path: Path) -> None:
    driver = drive({"film": str(tmp_path / "none.y4m"), "folder": str(tmp_path)})
    assert driver.states["large"] == "backoff"
    driver.advance(10)
    assert driver.state == "failed"
    assert "none.y4m" in errors(driver)["large"]


def test_a_broken_film_is_not_tried_again(tmp_path: Path) -> None:
    film = handlers.write_y4m(handlers.pattern(["bars"], 1, 32, 16, 2))
    (tmp_path / "in.y4m").write_bytes(film[:-1])
    driver = drive({"film": str(tmp_path / "in.y4m"), "folder": str(tmp_path / "out")})
    assert driver.state == "failed"
    assert errors(driver)["small"] == "the film breaks off in frame 2"


# --- films


def test_what_is_written_is_read() -> None:
    film = handlers.pattern(["sunrise", "bars"], 2, 30, 17, 3)
    assert handlers.read_y4m(handlers.write_y4m(film)) == film
    assert len(film.frames[0]) == 30 * 17 + 2 * 15 * 9


def test_a_scaled_dot_is_the_average_of_those_it_stands_for() -> None:
    checks = bytes((x + y) % 2 * 200 for y in range(8) for x in range(8))
    assert handlers._smaller(checks, 8, 8, 4, 4) == bytes([100] * 16)


@pytest.mark.parametrize(
    ("light", "blue", "red", "colour"),
    [(81, 90, 240, "fe0000"), (145, 54, 34, "00ff01"), (41, 240, 110, "0000ff"), (235, 128, 128, "ffffff")],
)
def test_colours_are_those_of_the_standard(light: int, blue: int, red: int, colour: str) -> None:
    film = handlers.Film(2, 2, 1, [bytes([light] * 4 + [blue, red])])
    assert colours(handlers.png(film, film.frames[0])) == (2, 2, [bytes.fromhex(colour)] * 4)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"RIFF", "no Y4M film"),
        (b"YUV4MPEG2 W4 H4 F25:1 C444\n", "no Y4M film with 4:2:0"),
        (b"YUV4MPEG2 W4 F25:1\n", "does not say"),
        (b"YUV4MPEG2 W4 H4 F25:0\n", "does not say"),
        (b"YUV4MPEG2 W4 H4 F25:1\n", "has no frames"),
        (b"YUV4MPEG2 W4 H4 F25:1\nFRAME\n" + bytes(24) + b"JUNK", "frame 2"),
    ],
)
def test_what_is_no_film_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        handlers.read_y4m(data)


def test_no_pattern_is_made_up() -> None:
    with pytest.raises(ValueError, match="no test pattern snow; there are sunrise"):
        handlers.pattern(["snow"], 1, 16, 16, 1)
