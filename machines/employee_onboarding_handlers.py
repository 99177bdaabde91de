"""What employee onboarding calls: a register, accounts, payroll, and things that are handed out.

All of it is a folder with one small file a thing, and each file says whose it is. Whoever makes the file
first has the thing, so that two newcomers never get the same; to ask again is to get the same again.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from statewf.runtime import Work

KINDS = ("accounts", "payroll", "laptops", "desks")


def register(call: Work) -> dict[str, Any]:
    """Enter somebody under a number of their own. Raises ValueError with all that is wrong."""
    employee = call.inputs["employee"]
    problems = [f"the {part} is missing" for part in ("name", "role", "manager") if not employee.get(part)]
    try:
        date.fromisoformat(str(employee.get("start")))
    except ValueError:
        problems.append(f"{employee.get('start')!r} is no day to start on")
    if problems:
        raise ValueError("; ".join(problems))
    number = _number(call)
    _write(_folder(call, "register") / f"{number}.json", {"owner": call.instance, **employee})
    return {"number": number}


def strike_off(call: Work) -> dict[str, Any]:
    """Take the entry out of the register."""
    (_folder(call, "register") / f"{_number(call)}.json").unlink(missing_ok=True)
    return {"struckOff": _number(call)}


def create_account(call: Work) -> dict[str, Any]:
    """An account under the name, with a number behind it if somebody has that name already."""
    plain = unicodedata.normalize("NFKD", call.inputs["employee"]["name"]).encode("ascii", "ignore").decode()
    name = ".".join(re.findall(r"[a-z]+", plain.lower()))
    if not name:
        raise ValueError(f"no user name can be made of {call.inputs['employee']['name']!r}")
    mine = _taken(call, "accounts", [name, *(f"{name}{n}" for n in range(2, 100))])
    return {"account": mine, "groups": ["everybody", call.inputs["employee"]["role"]]}


def enrol(call: Work) -> dict[str, Any]:
    """Enrol with payroll. Raises ValueError if the bank account cannot be right."""
    iban = str(call.inputs["employee"].get("iban", "")).replace(" ", "")
    if not _is_iban(iban):
        raise ValueError(f"{iban!r} is no bank account that anything could be paid to")
    _taken(call, "payroll", [call.results["register"]["number"]])
    return {"paidTo": f"{iban[:4]}...{iban[-4:]}"}


def take(call: Work) -> dict[str, Any]:
    """The first of the things of a kind that nobody has. Raises LookupError if there is none left."""
    kind = call.params["kind"]
    return {kind: _taken(call, kind, call.inputs["stock"].get(kind, ()))}


def return_all(call: Work) -> dict[str, Any]:
    """Give back whatever of a kind this newcomer has."""
    mine = [file for file in _folder(call, call.params["kind"]).glob("*.json") if _owner(file) == call.instance]
    for file in mine:
        file.unlink(missing_ok=True)
    return {"returned": sorted(file.stem for file in mine)}


def welcome(call: Work) -> dict[str, Any]:
    """A letter that says what there is and where."""
    found = call.context
    lines = [f"Welcome, {call.inputs['employee']['name']}!", f"You start on {call.inputs['employee']['start']}."]
    lines += [f"Your account is {found['account']}."] if "account" in found else []
    lines += [f"Your laptop is {found['laptops']}."] if "laptops" in found else []
    lines += [f"Your desk is {found['desks']}."] if "desks" in found else []
    file = _folder(call, "letters") / f"{_number(call)}.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"letter": str(file)}


handlers = {
    "register": register,
    "strike-off": strike_off,
    "create-account": create_account,
    "enrol": enrol,
    "take": take,
    "return-all": return_all,
    "welcome": welcome,
}


def _number(call: Work) -> str:
    """The same for all calls of one instance, and another one for every other."""
    return f"E{int(sha256(call.instance.encode()).hexdigest()[:12], 16) % 10**8:08}"


def _folder(call: Work, kind: str) -> Path:
    folder = Path(call.inputs["folder"]) / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(file: Path, told: Any) -> None:
    file.write_text(json.dumps(dict(told), indent=1), encoding="utf-8")


def _taken(call: Work, kind: str, names: Iterable[str]) -> str:
    """The first of these that is free, or ours already."""
    folder = _folder(call, kind)
    claim = folder / f".{_number(call)}"
    _write(claim, {"owner": call.instance})  # whole before it has its name: a crash leaves no half claim
    try:
        for name in names:
            file = folder / f"{name}.json"
            try:
                file.hardlink_to(claim)
            except FileExistsError:
                if _owner(file) != call.instance:
                    continue
            return name
    finally:
        claim.unlink()
    raise LookupError(f"there are no {kind} left")


def _owner(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))["owner"]


def _is_iban(text: str) -> bool:
    """Whether the check digits are right (ISO 13616)."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", text):
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1
