"""What issue resolution calls: checks of a service, remedies for it, and a report.

The service is a folder, as the simplest of services are: `config.json`, beside it `config.last-good.json`, a
`service.log` that must not outgrow its limit, and `status`, which says running or crashed. Each instance
works on a copy of its own, so that no remedy harms what nobody has approved it for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from statewf import NonRetryable
from statewf.runtime import Work

CONFIG, LAST_GOOD, LOG, STATUS = "config.json", "config.last-good.json", "service.log", "status"
LOG_LIMIT = 1_000  # bytes, if the configuration does not say


class RemedyFailed(Exception):
    """It was tried, and did not help."""


# --- looking


def collect(call: Work) -> dict[str, Any]:
    """Lay out the files of the service. Raises ValueError for a name that is none of its files."""
    strange = sorted(set(call.inputs["files"]) - {CONFIG, LAST_GOOD, LOG, STATUS})
    if strange:
        raise ValueError(f"a service has no {', '.join(strange)}")
    folder = Path(call.inputs["folder"]) / call.instance
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in call.inputs["files"].items():
        (folder / name).write_text(text, encoding="utf-8")
    return {"copy": str(folder)}


def check_config(call: Work) -> dict[str, Any]:
    """Whether the configuration can be read, and says what it has to."""
    return {"config": _config_problem(_folder(call) / CONFIG)}


def check_log(call: Work) -> dict[str, Any]:
    """Whether the log keeps to its limit."""
    return {"log": _log_problem(_folder(call))}


def check_process(call: Work) -> dict[str, Any]:
    """Whether the service runs."""
    return {"process": _process_problem(_folder(call))}


def verify(call: Work) -> dict[str, Any]:
    """All checks once more."""
    problems = _problems(_folder(call))
    return {"healthy": not problems, "problems": problems}


# --- mending


def restart(call: Work) -> dict[str, Any]:
    """Start the service again."""
    return _started(_folder(call), "it was started again")


def rotate_log(call: Work) -> dict[str, Any]:
    """Put the log aside, begin a new one, and start the service again."""
    log = _folder(call) / LOG
    log.replace(log.with_suffix(".log.1"))
    log.touch()
    return _started(log.parent, "its log was put aside")


def restore_config(call: Work) -> dict[str, Any]:
    """Go back to the last good configuration, and start the service again. Raises NonRetryable if that is none."""
    folder = _folder(call)
    problem = _config_problem(folder / LAST_GOOD)
    if problem is not None:
        raise NonRetryable(f"the last good configuration is no better: {problem}")
    (folder / CONFIG).write_text((folder / LAST_GOOD).read_text(encoding="utf-8"), encoding="utf-8")
    return _started(folder, "its last good configuration was restored")


def report(call: Work) -> dict[str, Any]:
    """What was found, what was tried, and what came of it."""
    found = call.results
    problems = [found[check][name] for check, name in CHECKS if found[check][name] is not None]
    lines = ["# Report", "", *(f"- found: {problem}" for problem in problems or ["nothing"])]
    if "helped" in call.context:
        lines.append(f"- helped: {call.context['helped']}")
    if "engineer" in found:
        lines.append(f"- {found['engineer']['reviewedBy']} said: {found['engineer']['comments']}")
    file = _folder(call) / "report.md"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"report": str(file)}


handlers = {
    "collect": collect,
    "check-config": check_config,
    "check-log": check_log,
    "check-process": check_process,
    "verify": verify,
    "restart": restart,
    "rotate-log": rotate_log,
    "restore-config": restore_config,
    "report": report,
}

CHECKS = (("check-config", "config"), ("check-log", "log"), ("check-process", "process"))


def _folder(call: Work) -> Path:
    return Path(call.results["collect"]["copy"])


def _started(folder: Path, how: str) -> dict[str, Any]:
    """Start the service, which comes up only if nothing else is wrong with it."""
    wrong = [problem for problem in (_config_problem(folder / CONFIG), _log_problem(folder)) if problem]
    if wrong:
        raise RemedyFailed(f"it does not come up: {'; '.join(wrong)}")
    (folder / STATUS).write_text("running\n", encoding="utf-8")
    return {"helped": how}


def _problems(folder: Path) -> list[str]:
    found = (_config_problem(folder / CONFIG), _log_problem(folder), _process_problem(folder))
    return [problem for problem in found if problem is not None]


def _config_problem(file: Path) -> str | None:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"{file.name} is missing"
    except ValueError as error:
        return f"{file.name} cannot be read: {error}"
    if not isinstance(config, dict) or not isinstance(config.get("port"), int):
        return f"{file.name} does not say on which port to listen"
    return None if 0 < config["port"] < 65_536 else f"{file.name}: there is no port {config['port']}"


def _log_problem(folder: Path) -> str | None:
    log = folder / LOG
    size = log.stat().st_size if log.exists() else 0
    limit = LOG_LIMIT
    if _config_problem(folder / CONFIG) is None:
        limit = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("maxLogBytes", LOG_LIMIT)
    return f"the log has {size} bytes, and may have {limit}" if size > limit else None


def _process_problem(folder: Path) -> str | None:
    file = folder / STATUS
    status = file.read_text(encoding="utf-8").strip() if file.exists() else "not there"
    return None if status == "running" else f"the service is {status}"
