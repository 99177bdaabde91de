"""Documents are really read, sorted, checked and filed."""

from __future__ import annotations

import random
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.machines.driving import drive, errors, example, files, read_json

NAME = "document_processing"
handlers: Any = import_module(f"machines.{NAME}_handlers")


def draw(text: str, left: int = 0, top: int = 0) -> list[list[int]]:
    """A page with that text on it."""
    lines = text.split("\n")
    rows = [[0] * (max(map(len, lines)) * 6 + left) for _ in range(len(lines) * 8 + top)]
    for y, line in enumerate(lines):
        for x, character in enumerate(line):
            for at, dot in enumerate(f"{handlers._glyphs()[character]:048b}"):
                rows[top + y * 8 + at // 6][left + x * 6 + at % 6] = int(dot)
    return rows


def pbm(rows: list[list[int]]) -> str:
    return f"P1\n# made by a test\n{len(rows[0])} {len(rows)}\n" + "\n".join("".join(map(str, row)) for row in rows)


# --- the workflow


def test_the_scan_of_an_invoice_ends_as_fields_in_the_archive(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "invoice", archive=str(tmp_path)))
    assert (driver.state, driver.success) == ("completed", True)
    assert driver.results["ocr"]["text"].splitlines()[1] == "INVOICE NO: NW-2041"
    assert driver.results["ocr"]["clarity"] < 1  # there is dust on it
    assert driver.results["classify"]["kind"] == "invoice"
    fields = {"number": "NW-2041", "date": "2026-10-02", "due": "2026-11-01"}
    fields |= {"net": "890.00", "tax": "169.10", "total": "1059.10"}
    assert driver.results["extract"] == {"fields": fields, "missing": []}
    assert files(tmp_path) == ["invoice/DOC-2041.json"]
    filed = {"document": "DOC-2041", "kind": "invoice", **fields}
    assert read_json(tmp_path / "invoice" / "DOC-2041.json") == filed


def test_a_receipt_comes_as_text(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "receipt", archive=str(tmp_path)))
    assert driver.success
    assert driver.results["extract"]["fields"] == {"date": "2026-10-05", "total": "11.50", "paid": "20.00"}
    assert files(tmp_path) == ["receipt/DOC-2042.json"]


def test_what_cannot_be_read_somebody_types_in(tmp_path: Path) -> None:
    dust = random.Random(1)
    rows = [[dust.randrange(2) for _ in range(120)] for _ in range(40)]
    driver = drive(NAME, {"document": "D", "archive": str(tmp_path), "scan": pbm(rows).splitlines()})
    (task,) = driver.tasks
    assert (task.step, task.assigned_to) == ("ocr", "scan-desk")
    assert "cannot be read" in errors(driver)["ocr"]
    text = "Agreement between Ada Okafor and Nordwind GmbH.\nTerm: 12 months. Signed on 2026-10-01."
    driver.complete("ocr", by="kim", result={"text": text})
    assert driver.success
    found = {"parties": "Ada Okafor and Nordwind GmbH", "date": "2026-10-01", "term": "12 months"}
    assert driver.results["extract"]["fields"] == found


def test_what_is_no_document_is_thrown_away() -> None:
    driver = drive(NAME, {"document": "D", "text": "Buy now! Great offers!"})
    assert driver.tasks[0].step == "classify"
    driver.complete("classify", "rejected", by="kim")
    assert (driver.state, driver.snapshot.book.failed[0]) == ("failed", "classify")


def test_sums_that_do_not_add_up_are_told_to_a_manager(tmp_path: Path) -> None:
    text = "INVOICE NO 7\nDATE 2026-10-02\nDUE 2026-02-30\nNET 10.00\nVAT 19% 1.90\nTOTAL 19.10"
    driver = drive(NAME, {"document": "D", "text": text, "archive": str(tmp_path)})
    assert driver.state == "failed"
    assert errors(driver)["validate"] == "due: there is no day 2026-02-30; 10.00 and 1.90 are not 19.10"
    assert ("step-failed", "validate") in [(e.data["type"], e.data["stepId"]) for e in driver.emitted[:1]]
    assert files(tmp_path) == []


def test_a_document_that_is_due_before_it_was_written_is_wrong() -> None:
    text = "INVOICE NO 7\nDATE 2026-10-02\nDUE 2026-09-02\nNET 10.00\nVAT 19% 1.90\nTOTAL 11.90"
    driver = drive(NAME, {"document": "D", "text": text})
    assert errors(driver)["validate"] == "it is due on 2026-09-02, before its date 2026-10-02"


def test_a_name_that_leads_out_of_the_archive_files_nothing(tmp_path: Path) -> None:
    driver = drive(NAME, example(NAME, "receipt", archive=str(tmp_path / "a"), document="../../evil"))
    assert (driver.state, driver.success) == ("completed", False)
    assert files(tmp_path) == []


# --- the reader


@pytest.mark.parametrize("left", [0, 1, 5, 13])
@pytest.mark.parametrize("top", [0, 3, 9])
def test_every_character_is_read_wherever_the_text_lies(left: int, top: int) -> None:
    text = "THE QUICK BROWN FOX\nJUMPS, OVER: 0123456789\nTHE-LAZY/DOG 19% +#."
    assert handlers.read_scan(pbm(draw(text, left, top))) == (
        "\n".join(" " * (left // 6) + line for line in text.split("\n")),
        1.0,
    )


def test_some_dust_does_no_harm() -> None:
    rows = draw("INVOICE NO 4711\nTOTAL 890.00")
    for x, y in ((3, 3), (20, 9), (41, 12), (60, 5), (71, 14)):
        rows[y][x] ^= 1
    text, clarity = handlers.read_scan(pbm(rows))
    assert text == "INVOICE NO 4711\nTOTAL 890.00"
    assert 0.9 < clarity < 1


@pytest.mark.parametrize("scan", ["", "P4 2 2 0000", "P1 two 2 0000", "P1 2 2 000", "P1 2 2 0002"])
def test_what_is_no_bitmap_is_refused(scan: str) -> None:
    with pytest.raises(ValueError, match="the scan"):
        handlers.read_scan(scan)


def test_a_white_page_has_no_text() -> None:
    assert handlers.read_scan("P1 2 2 0000") == ("", 0.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("receipt paid, contract signed", "0 of invoice, 2 of receipt, 2 of contract"),
        ("see the invoice", "1 of invoice, 0 of receipt, 0 of contract"),
    ],
)
def test_no_kind_of_document_is_guessed(text: str, told: str) -> None:
    driver = drive(NAME, {"document": "D", "text": text})
    assert told in errors(driver)["classify"]


def test_a_kind_that_somebody_made_up_is_told() -> None:
    driver = drive(NAME, {"document": "D", "text": "?"})
    driver.complete("classify", result={"kind": "poem"})
    assert errors(driver)["extract"] == "nothing is known of the fields of a poem"
