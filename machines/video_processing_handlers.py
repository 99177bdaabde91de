"""What video processing calls: a scaler, a finder of scenes, a maker of thumbnails.

Films are uncompressed (Y4M, 4:2:0, as ffmpeg and mpv read and write it), and the standard library is enough
for them. A film is a file, or a test pattern that is drawn here: one scene of each name that is listed.
All that is written goes to a folder of the instance; writing it again writes the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from statewf import NonRetryable
from statewf.runtime import Work

FRAME = b"FRAME"
SCENES = ("sunrise", "bars", "night")  # what a test pattern may show
CUT = 24  # how much the average dot changes when a scene does, of 255
DARK = 24  # the average brightness of a frame that shows nothing


class Film(NamedTuple):
    """A film. Each frame is its planes one after another: brightness, and blue and red at half the size."""

    width: int
    height: int
    rate: int  # frames a second
    frames: list[bytes]


def transcode(call: Work) -> dict[str, Any]:
    """Write the film at a fraction of its size. Raises ValueError if there is none, or it is too small for that."""
    film, divide = _source(call), call.params["divide"]
    width, height = film.width // divide & ~1, film.height // divide & ~1
    if width < 8 or height < 8:
        raise ValueError(f"a film of {film.width}x{film.height} cannot be {divide} times smaller")
    frames = [_scaled(film, frame, width, height) for frame in film.frames]
    file = _rendition(call)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(write_y4m(Film(width, height, film.rate, frames)))
    return {"file": str(file), "width": width, "height": height, "frames": len(frames)}


def remove_rendition(call: Work) -> dict[str, Any]:
    """Remove what `transcode` wrote."""
    file = _rendition(call)
    file.unlink(missing_ok=True)
    return {"removed": str(file)}


def analyze(call: Work) -> dict[str, Any]:
    """Where scenes begin, and how bright they are. Raises NonRetryable if there is nothing to be seen."""
    film = read_y4m(Path(call.results["small"]["file"]).read_bytes())
    bright = [_brightness(film, frame) for frame in film.frames]
    starts = [0, *(at for at in range(1, len(bright)) if _changed(film, at) > CUT)]
    if max(bright) < DARK:
        raise NonRetryable("the film is dark from its first frame to its last")
    spans = zip(starts, [*starts[1:], len(bright)], strict=True)
    scenes = [
        {"start": start, "seconds": (end - start) / film.rate, "dark": max(bright[start:end]) < DARK}
        for start, end in spans
    ]
    return {"seconds": len(bright) / film.rate, "scenes": scenes}


def generate_thumbnails(call: Work) -> dict[str, Any]:
    """A picture (PNG) of each scene in which there is something to see."""
    source = call.results["large"]
    film = read_y4m(Path(source["file"]).read_bytes())
    files = []
    for scene in call.results["analyze"]["scenes"]:
        if not scene["dark"]:
            file = _folder(call) / f"scene-{scene['start']}.png"
            file.write_bytes(png(film, film.frames[scene["start"]]))
            files.append(str(file))
    return {"thumbnails": files}


handlers = {
    "transcode": transcode,
    "remove-rendition": remove_rendition,
    "analyze": analyze,
    "generate-thumbnails": generate_thumbnails,
}


def _rendition(call: Work) -> Path:
    return _folder(call) / f"film-{call.params['divide']}.y4m"


def _folder(call: Work) -> Path:
    return Path(call.inputs["folder"]) / call.instance


def _source(call: Work) -> Film:
    said = call.inputs["film"]
    if isinstance(said, str):
        return read_y4m(Path(said).read_bytes())
    return pattern(said["pattern"], said["seconds"], said["width"], said["height"], said["rate"])


# --- films


def read_y4m(data: bytes) -> Film:
    """The film in a Y4M file. Raises ValueError when it is none, or one of a kind that is not known here."""
    header, _, rest = data.partition(b"\n")
    words = header.decode("ascii", "replace").split()
    told = {word[0]: word[1:] for word in words[1:]}
    if words[:1] != ["YUV4MPEG2"] or not told.get("C", "420").startswith("420"):
        raise ValueError("this is no Y4M film with 4:2:0 colours")
    try:
        width, height = int(told["W"]), int(told["H"])
        over, under = (int(part) for part in told.get("F", "25:1").split(":"))
        rate = max(1, round(over / under))
    except (KeyError, ValueError, ZeroDivisionError):
        raise ValueError("the head of the film does not say its width, its height and its rate") from None
    return Film(width, height, rate, list(_frames(rest, _frame_size(width, height))))


def write_y4m(film: Film) -> bytes:
    """The bytes of a Y4M file."""
    head = f"YUV4MPEG2 W{film.width} H{film.height} F{film.rate}:1 Ip A1:1 C420\n".encode()
    return head + b"".join(FRAME + b"\n" + frame for frame in film.frames)


def _frame_size(width: int, height: int) -> int:
    return width * height + 2 * (-(-width // 2) * -(-height // 2))


def _frames(data: bytes, size: int) -> Iterator[bytes]:
    at, number = 0, 0
    while at < len(data):
        number += 1
        start = data.find(b"\n", at) + 1
        frame = data[start : start + size]
        if not (start and data.startswith(FRAME, at)) or len(frame) < size:
            raise ValueError(f"the film breaks off in frame {number}")
        yield frame
        at = start + size
    if not number:
        raise ValueError("the film has no frames")


def _scaled(film: Film, frame: bytes, width: int, height: int) -> bytes:
    """The frame in another size: of each dot the average of those that it stands for."""
    half, size = -(-film.width // 2), film.width * film.height
    quarter = half * -(-film.height // 2)
    planes = (
        (frame[:size], film.width, film.height, width, height),
        (frame[size : size + quarter], half, -(-film.height // 2), width // 2, height // 2),
        (frame[size + quarter :], half, -(-film.height // 2), width // 2, height // 2),
    )
    return b"".join(_smaller(*plane) for plane in planes)


def _smaller(plane: bytes, old_width: int, old_height: int, width: int, height: int) -> bytes:
    dots = bytearray()
    for y in range(height):
        rows = range(y * old_height // height, (y + 1) * old_height // height)
        for x in range(width):
            left, right = x * old_width // width, (x + 1) * old_width // width
            sums = sum(sum(plane[row * old_width + left : row * old_width + right]) for row in rows)
            dots.append(sums // (len(rows) * (right - left)))
    return bytes(dots)


def _brightness(film: Film, frame: bytes) -> float:
    size = film.width * film.height
    return sum(frame[:size]) / size


def _changed(film: Film, at: int) -> float:
    """How much the average dot of a frame differs from the one before."""
    size = film.width * film.height
    before, after = film.frames[at - 1][:size], film.frames[at][:size]
    return sum(abs(a - b) for a, b in zip(before, after, strict=True)) / size


def png(film: Film, frame: bytes) -> bytes:
    """A frame as a picture in colour."""
    rows = b"".join(b"\0" + b"".join(_colours(film, frame, y)) for y in range(film.height))
    head = struct.pack(">IIBBBBB", film.width, film.height, 8, 2, 0, 0, 0)  # 8 bits a colour, red green blue
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def _colours(film: Film, frame: bytes, y: int) -> Iterator[bytes]:
    """A row of dots in red, green and blue (BT.601, as films of this size are)."""
    half, size = -(-film.width // 2), film.width * film.height
    blue, red = size + y // 2 * half, size + half * -(-film.height // 2) + y // 2 * half
    for x in range(film.width):
        light = 1.164 * (frame[y * film.width + x] - 16)
        u, v = frame[blue + x // 2] - 128, frame[red + x // 2] - 128
        colours = (light + 1.596 * v, light - 0.392 * u - 0.813 * v, light + 2.017 * u)
        yield bytes(min(255, max(0, round(colour))) for colour in colours)


# --- test patterns


def pattern(scenes: list[str], seconds: int, width: int, height: int, rate: int) -> Film:
    """A film of such scenes, each so many seconds long. Raises ValueError for a scene that is not known."""
    unknown = [scene for scene in scenes if scene not in SCENES]
    if unknown or not scenes:
        raise ValueError(f"there is no test pattern {', '.join(unknown)}; there are {', '.join(SCENES)}")
    count = seconds * rate
    drawn = [_drawn(scene, at / count, width, height) for scene in scenes for at in range(count)]
    return Film(width, height, rate, drawn)


def _drawn(scene: str, part: float, width: int, height: int) -> bytes:
    """One frame of a test pattern, that part of the scene having gone by."""
    quarter = -(-width // 2) * -(-height // 2)
    match scene:
        case "night":
            return bytes([16]) * (width * height) + bytes([128]) * (2 * quarter)
        case "sunrise":  # from red to yellow, and ever brighter
            light = round(90 + 60 * part)
            return (
                bytes([light]) * (width * height)
                + bytes([90]) * quarter
                + bytes([round(200 - 50 * part)]) * quarter
            )
        case _:
            bar = bytes(235 - 200 * (8 * x // width) // 8 for x in range(width))
            blue = bytes(64 + 128 * (8 * x // -(-width // 2)) // 8 for x in range(-(-width // 2)))
            return bar * height + blue * -(-height // 2) + blue[::-1] * -(-height // 2)
