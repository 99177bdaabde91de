"""kill -9, for real and many times over: nothing acknowledged is lost, and nothing is done twice without need.

A process drives hundreds of instances of several machines (`tests.runtime.killed`). It is killed at random
moments, which are told by how far it has come, and started again, until it is through. At every kill and at the
end what it noted is held against what its store kept.

`STATEWF_KILL_ROUNDS=40` is for a long look: so many rounds, each with a seed of its own.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime.killed.evidence import Evidence
from tests.runtime.killed.jobs import jobs

ROOT = Path(__file__).parents[2]
ROUNDS = range(int(os.environ.get("STATEWF_KILL_ROUNDS", "1")))
JOBS = 300
KILLS = 15
BACKENDS = ("asyncio", "trio")
SAID = "said"  # what the process writes to its standard output and error
MOST_TOLD = 20  # findings
LEFT = 60  # jobs that are to be done after the last kill, so that there is something to be killed
PATIENCE = 60.0  # seconds that a life may take on a busy machine before the test gives up


@contextmanager
def living(folder: Path, backend: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process, in one of its lives. It is killed when nobody looks at it any more."""
    command = [sys.executable, "-m", "tests.runtime.killed", str(folder), backend, str(JOBS)]
    with (folder / SAID).open("ab") as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def moments(chance: random.Random) -> Iterator[tuple[int, int]]:
    """When to kill: after so many jobs have ended, and so many more lines. Some come while the last is got over."""
    for ended in sorted(chance.choices(range(JOBS - LEFT), k=KILLS)):
        yield chance.choice((0, ended, ended, ended)), chance.choice((1, 2, 5, 20, 60))


def come(
    process: subprocess.Popen[bytes], evidence: Evidence, ended: int, more: int, chance: random.Random
) -> bool:
    """Wait until it has come so far, or has ended of itself; whether it lives."""
    end = time.monotonic() + PATIENCE
    while more > 0 and process.poll() is None and time.monotonic() < end:
        lines = evidence.notes.read()
        if len(evidence.notes.ended) >= ended:
            more -= lines
        time.sleep(chance.uniform(0.0, 0.004))  # so that kills keep no distance to what was written last
    return process.poll() is None and more <= 0


def ended(process: subprocess.Popen[bytes]) -> bool:
    """Wait for its own end; whether that was good."""
    try:
        return process.wait(PATIENCE) == 0
    except subprocess.TimeoutExpired:
        return False


def stuck(process: subprocess.Popen[bytes], evidence: Evidence) -> Iterator[str]:
    """How it ended of itself, or (killed) hung, and what it had not done by then."""
    missing = set(evidence.notes.started.values()) - evidence.notes.ended.keys()
    yield f"it ended with {process.returncode}, and these were still on their way: {', '.join(sorted(missing))}"
    yield (evidence.folder / SAID).read_text()[-2_000:]


def tell(found: Iterable[str], seed: int, evidence: Evidence) -> None:
    """Fail with what was found, if anything was."""
    if findings := list(found):
        where = f"seed {seed}, life {evidence.notes.life}, {evidence.folder}: {len(findings)} findings"
        pytest.fail("\n".join([where, *findings[:MOST_TOLD]]))


@pytest.mark.parametrize("seed", ROUNDS)
def test_what_is_killed_goes_on_and_nothing_is_lost(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    evidence = Evidence.of(tmp_path)
    hits: Counter[str] = Counter()
    for far, more in moments(chance):
        with living(tmp_path, chance.choice(BACKENDS)) as process:
            alive = come(process, evidence, far, more, chance)
        evidence.look()
        tell([*evidence.findings(), *(() if alive else stuck(process, evidence))], seed, evidence)
        hits.update(set(evidence.hit()))
    with living(tmp_path, chance.choice(BACKENDS)) as process:
        well = ended(process)
    evidence.look()
    rest = evidence.loose_ends(jobs(tmp_path, JOBS)) if well else stuck(process, evidence)
    tell([*evidence.findings(), *rest], seed, evidence)
    print(f"seed {seed}: of {KILLS} kills {dict(sorted(hits.items()))}")
    assert "Traceback" not in (tmp_path / SAID).read_text()
    assert hits["in a call"], "no kill hit anything: the jobs are too short"
