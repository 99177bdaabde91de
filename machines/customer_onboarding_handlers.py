"""What customer onboarding calls: a register of customers in a folder, proofs of identity, keys, invitations.

Everything of one customer lies in `customers/NAME/`; what is made twice is made the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

MAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", re.IGNORECASE)
GROWN_UP = 18
SERVICES = ("calendar", "chat", "mail")  # what can be integrated


def profile(call: Work) -> dict[str, Any]:
    """A folder for the customer. Raises when the address is none."""
    mail = str(call.inputs.get("email", ""))
    if not MAIL.match(mail):
        raise NonRetryable(f"{mail!r} is no e-mail address")
    name = re.sub(r"[^a-z0-9]+", "-", mail.lower()).strip("-")
    _write(call, name, "profile", {"email": mail, "accountType": call.inputs.get("accountType", "personal")})
    return {"customer": name}


def remove_profile(call: Work) -> dict[str, Any]:
    """As if it had never been."""
    shutil.rmtree(_folder(call) / str(call.context["customer"]), ignore_errors=True)
    return {}


def business_verification(call: Work) -> dict[str, Any]:
    """A VAT number whose check digit is right (the German one: ISO 7064, MOD 11,10)."""
    number = str(call.inputs.get("vatId", ""))
    return {"verified": number[:2] == "DE" and _mod_11_10(number[2:]), "by": "vat register"}


def personal_verification(call: Work) -> dict[str, Any]:
    """An identity card that is valid, of somebody who is of age on the day that is given."""
    today = date.fromisoformat(str(call.inputs["today"]))
    born, expires = (date.fromisoformat(str(call.inputs[name])) for name in ("born", "cardExpires"))
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return {"verified": age >= GROWN_UP and expires >= today, "by": "identity card"}


def api_access(call: Work) -> dict[str, Any]:
    """A key, always the same for one customer; only its digest is kept."""
    key = hashlib.sha256(call.key.encode()).hexdigest()[:32]
    _write(call, _customer(call), "api-key", {"sha256": hashlib.sha256(key.encode()).hexdigest()})
    return {"apiKey": key}


def integrations(call: Work) -> dict[str, Any]:
    """What was wished for. Raises for a service that nobody knows."""
    wished = [str(service) for service in call.inputs.get("integrations", ())]
    if strange := [service for service in wished if service not in SERVICES]:
        raise NonRetryable(f"{', '.join(strange)} cannot be integrated; known are {', '.join(SERVICES)}")
    _write(call, _customer(call), "integrations", wished)
    return {"integrated": wished}


def team_invite(call: Work) -> dict[str, Any]:
    """A letter to each member of the team with a proper address."""
    team = [str(mail) for mail in call.inputs.get("team", ()) if MAIL.match(str(mail))]
    for mail in team:
        _write(call, _customer(call), f"invitation-{mail}", {"to": mail, "text": "come and join us"})
    return {"invited": len(team)}


def limited_access(call: Work) -> dict[str, Any]:
    """Reading only, until the identity is proved."""
    _write(call, _customer(call), "access", {"may": ["read"]})
    return {"may": ["read"]}


def send_welcome(call: Work) -> dict[str, Any]:
    """A letter that says what the customer may do."""
    full = "enable-all-features" in call.results
    text = "welcome, everything is ready" if full else "welcome, please prove who you are"
    _write(call, _customer(call), "welcome", {"to": call.inputs["email"], "text": text})
    return {"welcomed": text}


def _customer(call: Work) -> str:
    return str(call.results["profile"]["customer"])


def _folder(call: Work) -> Path:
    return Path(str(call.inputs.get("customers", "/tmp/statewf-customers")))  # noqa: S108  # an example writes somewhere


def _write(call: Work, customer: str, name: str, content: Any) -> None:
    file = _folder(call) / customer / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def _mod_11_10(digits: str) -> bool:
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 9):
        return False
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[-1])


handlers = {
    "profile": profile,
    "remove-profile": remove_profile,
    "business-verification": business_verification,
    "personal-verification": personal_verification,
    "api-access": api_access,
    "integrations": integrations,
    "team-invite": team_invite,
    "limited-access": limited_access,
    "send-welcome": send_welcome,
}
