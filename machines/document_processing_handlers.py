"""What document processing calls: a reader of scans, a classifier, fields by pattern, a check, a file cabinet.

A scan is a plain bitmap (PBM, P1) of text in the classic 5x7 font, six dots a column and eight a line. The
reader finds out where on the page the text lies, and bears with specks of dust.
"""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

FONT = """
A7E1111117E B7F49494936 C3E41414122 D7F4141221C E7F49494941 F7F09090901 G3E4149497A H7F0808087F I00417F4100
J2040413F01 K7F08142241 L7F40404040 M7F020C027F N7F0408107F O3E4141413E P7F09090906 Q3E4151215E R7F09192946
S4649494931 T01017F0101 U3F4040403F V1F2040201F W3F4038403F X6314081463 Y0708700807 Z6151494543
03E5149453E 100427F4000 24261514946 32141454B31 41814127F10 52745454539 63C4A494930 70171090503 83649494936
9064949291E .0060600000 ,0050300000 :0036360000 -0808080808 /2010080402 %2313086462 +08083E0808 #147F147F14
"""  # a character and its five columns of dots, the top dot in the lowest bit
WIDTH, HEIGHT = 6, 8  # of the place of one character
CLEAR = 0.85  # the part of the dots that must be explained, or nobody should trust what was read

KINDS = {
    "invoice": ("invoice", "due", "vat", "net", "total", "payable"),
    "receipt": ("receipt", "cash", "card", "change", "paid", "total", "thank"),
    "contract": ("contract", "agreement", "between", "parties", "term", "signed", "hereby"),
}
MONEY = r"(-?\d[\d,]*\.\d\d)\b"
DAY = r"(\d{4}-\d\d-\d\d)\b"
FIELDS = {
    "invoice": {
        "number": r"invoice\s+no[.:]*\s*(\S+)",
        "date": rf"^date:?\s*{DAY}",
        "due": rf"^due:?\s*{DAY}",
        "net": rf"^net:?\s*{MONEY}",
        "tax": rf"^vat.*?{MONEY}",
        "total": rf"^total.*?{MONEY}",
    },
    "receipt": {"date": DAY, "total": rf"^total.*?{MONEY}", "paid": rf"^(?:cash|card|paid).*?{MONEY}"},
    "contract": {
        "parties": r"between\s+(.+?\s+and\s+.+?)[,.\n]",
        "date": rf"signed.*?{DAY}",
        "term": r"term:?\s*(\d+\s+(?:months?|years?))",
    },
}


def ocr(call: Work) -> dict[str, Any]:
    """The text of the document, and how sure that is. Raises ValueError for a scan that cannot be read."""
    if isinstance(call.inputs.get("text"), str):
        return {"text": call.inputs["text"].strip(), "clarity": 1.0}
    text, clarity = read_scan("\n".join(call.inputs.get("scan") or ()))
    if clarity < CLEAR or not text:
        raise ValueError(f"the scan cannot be read: {clarity:.0%} of the dots look like text")
    return {"text": text, "clarity": round(clarity, 3)}


def classify(call: Work) -> dict[str, Any]:
    """What kind of document that is, by the words in it."""
    words = set(re.findall(r"[a-z]+", call.results["ocr"]["text"].lower()))
    hits = {kind: len(words.intersection(telling)) for kind, telling in KINDS.items()}
    best = max(hits, key=lambda kind: hits[kind])
    if hits[best] < 2 or list(hits.values()).count(hits[best]) > 1:
        raise NonRetryable(f"this might be anything: {', '.join(f'{hits[kind]} of {kind}' for kind in hits)}")
    return {"kind": best, "confidence": round(hits[best] / sum(hits.values()), 2)}


def extract(call: Work) -> dict[str, Any]:
    """The fields of such a document, and which of them are not there."""
    kind = call.results["classify"]["kind"]
    if kind not in FIELDS:
        raise NonRetryable(f"nothing is known of the fields of a {kind}")
    text = call.results["ocr"]["text"]
    found = {name: re.search(pattern, text, re.IGNORECASE | re.MULTILINE) for name, pattern in FIELDS[kind].items()}
    fields = {name: match.group(1).replace(",", "") for name, match in found.items() if match}
    return {"fields": fields, "missing": [name for name in FIELDS[kind] if name not in fields]}


def validate(call: Work) -> dict[str, Any]:
    """Check what was found. Raises ValueError with all that is wrong with it."""
    fields, missing = call.results["extract"]["fields"], call.results["extract"]["missing"]
    problems = [f"there is no {name}" for name in missing]
    problems += _days(fields)
    money = {name: Decimal(fields[name]) for name in ("net", "tax", "total", "paid") if name in fields}
    if {"net", "tax", "total"} <= money.keys() and money["net"] + money["tax"] != money["total"]:
        problems.append(f"{money['net']} and {money['tax']} are not {money['total']}")
    if {"paid", "total"} <= money.keys() and money["paid"] < money["total"]:
        problems.append(f"{money['paid']} do not pay {money['total']}")
    if problems:
        raise ValueError("; ".join(problems))
    return {"valid": True, "checked": sorted(fields)}


def route(call: Work) -> dict[str, Any]:
    """File the fields under the kind of the document. Filing it again writes the same file."""
    kind, document = call.results["classify"]["kind"], str(call.inputs["document"])
    if not re.fullmatch(r"[\w.-]+", document) or document.startswith("."):
        raise NonRetryable(f"{document!r} is not the name of a document")
    file = Path(call.inputs["archive"]) / kind / f"{document}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"document": document, "kind": kind, **call.results["extract"]["fields"]}, indent=1))
    return {"filed": str(file)}


handlers = {"ocr": ocr, "classify": classify, "extract": extract, "validate": validate, "route": route}


def _days(fields: Any) -> list[str]:
    problems = []
    days: dict[str, date] = {}
    for name in ("date", "due"):
        try:
            days[name] = date.fromisoformat(fields.get(name, "2000-01-01"))
        except ValueError:
            problems.append(f"{name}: there is no day {fields[name]}")
    if not problems and "due" in fields and days["due"] < days["date"]:
        problems.append(f"it is due on {days['due']}, before its date {days['date']}")
    return problems


# --- reading a scan


def read_scan(pbm: str) -> tuple[str, float]:
    """The text on a bitmap, and which part of its dots the text explains."""
    rows = _bitmap(pbm)
    ink = sum(row.count("1") for row in rows)
    if not ink:
        return "", 0.0
    tried = (_read_at(rows, left, top) for top in range(HEIGHT) for left in range(WIDTH))
    wrong, text = min(tried, key=lambda reading: reading[0])
    return text, max(0.0, 1 - wrong / ink)


def _bitmap(pbm: str) -> list[str]:
    """The rows of a plain PBM image: P1, width, height, and dots with or without space between."""
    tokens = re.sub(r"#.*", "", pbm).split(maxsplit=3)
    if len(tokens) < 4 or tokens[0] != "P1" or not (tokens[1] + tokens[2]).isdecimal():
        raise ValueError("the scan is not a plain PBM image: it should start with P1, its width and its height")
    width, height, dots = int(tokens[1]), int(tokens[2]), "".join(tokens[3].split())
    if len(dots) != width * height or set(dots) - {"0", "1"}:
        raise ValueError(f"the scan should have {width * height} dots of 0 or 1, and has {len(dots)}")
    return [dots[at : at + width] for at in range(0, len(dots), width)]


def _read_at(rows: list[str], left: int, top: int) -> tuple[int, str]:
    """What the page says if its first character stands there, and how many dots are wrong then."""
    edge = sum(row[:left].count("1") for row in rows) + sum(row.count("1") for row in rows[:top])
    lines, wrong = [], edge
    for y in range(top, len(rows), HEIGHT):
        read = [_nearest(_cell(rows, x, y)) for x in range(left, len(rows[0]), WIDTH)]
        wrong += sum(distance for _, distance in read)
        lines.append("".join(character for character, _ in read).rstrip())
    return wrong, "\n".join(lines).strip("\n")


def _cell(rows: list[str], x: int, y: int) -> int:
    """The dots of one place as a number; what lies beyond the page is white."""
    dots = [row[x : x + WIDTH].ljust(WIDTH, "0") for row in rows[y : y + HEIGHT]]
    return int("".join(dots).ljust(WIDTH * HEIGHT, "0"), 2)


@cache
def _nearest(cell: int) -> tuple[str, int]:
    """The character that looks most like it, and in how many dots it differs."""
    return min(((char, (cell ^ glyph).bit_count()) for char, glyph in _glyphs().items()), key=lambda near: near[1])


@cache
def _glyphs() -> dict[str, int]:
    """Every character as the dots of its place, row by row."""
    columns = {entry[0]: bytes.fromhex(entry[1:]) for entry in FONT.split()}
    rows = {
        char: "".join(f"{''.join(str(column >> y & 1) for column in given)}0" for y in range(HEIGHT))
        for char, given in columns.items()
    }
    return {" ": 0, **{char: int(dots, 2) for char, dots in rows.items()}}
