"""What invoice processing calls: a reader of invoices, a check, an approval, a bank, a ledger, a letter box.

All that has a lasting effect is a line of JSON in a file of the folder `books`, marked with the call's key:
who is called twice for the same thing finds its line there, and writes no second one.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

MONEY = r"(\d[\d,]*\.\d\d)"
FIELDS = {
    "number": r"invoice\s+(?:no|number)[.:]*\s*(\S+)",
    "vendor": r"^from:?\s*(.+)$",
    "iban": r"\biban:?\s*([A-Z]{2}\d{2}[A-Z0-9 ]{8,30}\d)",
    "net": rf"^net:?\s*{MONEY}",
    "vat": rf"^vat.*?{MONEY}\s*$",
    "total": rf"^(?:total|payable):?\s*{MONEY}",
}
NEEDED = ("number", "vendor", "total")
MAY_APPROVE = {"clerk": Decimal(1_000), "manager": Decimal(25_000), "board": Decimal("Infinity")}


def extract(call: Work) -> dict[str, Any]:
    """The fields of the invoice's text."""
    text = str(call.inputs.get("text", ""))
    found = {name: _found(pattern, text) for name, pattern in FIELDS.items()}
    missing = [name for name in NEEDED if found[name] is None]
    if missing:
        raise NonRetryable(f"the invoice does not say its {', '.join(missing)}")
    return {name: value for name, value in found.items() if value is not None}


def validate(call: Work) -> dict[str, Any]:
    """Sums add up, and the account number is one."""
    invoice = call.results["extract"]
    if (
        "net" in invoice
        and "vat" in invoice
        and _money(invoice["net"]) + _money(invoice["vat"]) != _money(invoice["total"])
    ):
        raise NonRetryable(f"{invoice['net']} and {invoice['vat']} are not {invoice['total']}")
    if "iban" in invoice and not _is_iban(invoice["iban"]):
        raise NonRetryable(f"{invoice['iban']} is no account number")
    return {"checked": True}


def approve(call: Work) -> dict[str, Any]:
    """Who submits it may approve it up to a sum."""
    role, total = str(call.inputs.get("role", "clerk")), _money(str(call.context["total"]))
    if total > MAY_APPROVE.get(role, Decimal(0)):
        raise NonRetryable(f"a {role} cannot approve {total}")
    return {"approvedBy": role, **_entry(call, "approvals", {"number": call.context["number"], "by": role})}


def process_payment(call: Work) -> dict[str, Any]:
    """Pay from the balance of the account, once."""
    total, balance = _money(str(call.context["total"])), _money(str(call.inputs.get("balance", "0.00")))
    if total > balance:
        raise NonRetryable(f"{balance} is not enough to pay {total}")
    paid = {"number": call.context["number"], "amount": str(total), "to": call.context["vendor"]}
    return {"payment": _entry(call, "payments", paid)["entry"]}


def update_accounting(call: Work) -> dict[str, Any]:
    """Book it, unless the books are closed."""
    if call.inputs.get("booksClosed"):
        raise OSError("the books of this month are closed")
    return _entry(call, "ledger", {"debit": "expenses", "credit": "bank", "amount": str(call.context["total"])})


def notify_completion(call: Work) -> dict[str, Any]:
    """Write to the vendor."""
    return _entry(call, "letters", {"to": call.context["vendor"], "text": f"paid: {call.context['number']}"})


def reverse_approval(call: Work) -> dict[str, Any]:
    """Take the approval back."""
    return _entry(call, "approvals", {"number": call.context["number"], "reversed": True})


def notify_failure(call: Work) -> dict[str, Any]:
    """Write to who submitted it."""
    return _entry(call, "letters", {"to": call.inputs.get("role", "clerk"), "text": str(call.params["reason"])})


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text, re.IGNORECASE | re.MULTILINE)
    return match[1].strip() if match else None


def _money(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def _is_iban(text: str) -> bool:
    """ISO 13616: with the first four at the end and letters as numbers, the rest by 97 is 1."""
    bare = text.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1


def _entry(call: Work, book: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Write a line into a book, unless it is there."""
    folder = Path(str(call.inputs.get("books", "/tmp/statewf-invoices")))  # noqa: S108  # an example writes somewhere
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{book}.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    if not any(json.loads(line)["key"] == call.key for line in lines):
        with file.open("a", encoding="utf-8") as book_file:
            book_file.write(json.dumps({"key": call.key, **entry}) + "\n")
    return {"entry": call.key}


handlers = {
    "extract": extract,
    "validate": validate,
    "approve": approve,
    "process-payment": process_payment,
    "update-accounting": update_accounting,
    "notify-completion": notify_completion,
    "reverse-approval": reverse_approval,
    "notify-failure": notify_failure,
}
