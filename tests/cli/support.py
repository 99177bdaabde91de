"""What the tests of the command line share: one way to call it here, one way to call it as a process."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).parents[2]
_numbers = count(1)
ENTRY = [sys.executable, "-c", "from statewf.cli.main import run; run()"]
PATIENCE = 30.0  # seconds that anything may take on a busy machine before a test gives up

DOOR = """\
name: door
initialState: closed
states:
  closed: {on: {OPEN: open, LOCK: {target: locked, guard: event.data.code === 42}}}
  open: {on: {CLOSE: closed}}
  locked: {terminal: true}
"""

# `working` calls `work`; what that does is for each test to say
JOB = """\
name: job
initialState: waiting
states:
  waiting: {on: {GO: working}}
  working: {invoke: {handler: work, onDone: done, onError: failed}, on: {STOP: failed}}
  done: {terminal: true}
  failed: {terminal: true, outcome: failure}
"""

# entering `fresh` runs an action, so that events have to wait for it
GREETER = """\
name: greeter
initialState: fresh
states:
  fresh: {onEntry: {type: function, handler: greet}, on: {BYE: gone}}
  gone: {terminal: true}
"""

# a call, a question, an event, a call that may fail and be undone
CLAIM = """\
name: claim
steps:
  - id: read
    compensation: {steps: [{action: forget}]}
  - id: approve
    type: human-task
    assignTo: inputs.boss
    details: {about: the claim}
  - {id: paid, type: event, event: PAID}
  - id: file
"""

CLAIM_HANDLERS = """\
def read(call): return {"total": 30}
def forget(call): return {}
def file(call):
    if call.inputs.get("full"): raise OSError("the shelf is full")
    return {"shelf": 7}
"""

# nobody is asked: one step fails once, one fails tolerably, one is skipped
BATCH = """\
name: batch
steps:
  - id: shaky
    retryPolicy: {maxAttempts: 2, baseDelay: 10}
  - id: both
    type: parallel
    steps:
      - id: left
      - {id: right, when: "false"}
  - {id: extra, required: false}
"""

BATCH_HANDLERS = """\
def shaky(call):
    if call.attempt < 2: raise ConnectionError("not yet")
    return {}
def left(call): return {}
def right(call): return {}
def extra(call):
    print("a handler prints")
    raise ValueError("no extras")
"""


@attrs.frozen
class Said:
    """What one invocation said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def codes(self) -> list[str]:
        """The codes of the errors in that document."""
        return [error["code"] for error in self.json["errors"]]


Cli = Callable[..., Said]


def until(reached: Callable[[], Any]) -> Any:
    """Wait for a condition in another process; what it says when it is met."""
    end = time.monotonic() + PATIENCE
    while not (said := reached()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
    return said


def process(*args: str, entry: list[str] = ENTRY, **options: Any) -> subprocess.Popen[str]:
    """`statewf` as a process of its own, without a terminal."""
    pipes = {name: options.pop(name, subprocess.PIPE) for name in ("stdin", "stdout", "stderr")}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*entry, *args], text=True, env=environment, **pipes, **options)


def ended(running: subprocess.Popen[str]) -> Said:
    """What a process said to its end. One that does not end fails the test."""
    try:
        out, err = running.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        running.kill()
        out, err = running.communicate()
        raise AssertionError(f"it hangs, and said\n{out}\n{err}") from None
    return Said(running.returncode, out or "", err or "")


@attrs.define
class Terminal:
    """A process at a terminal of 80 columns; `screen` is all it has shown so far."""

    running: subprocess.Popen[bytes]
    master: int
    shown: bytes = b""
    read_to: int = 0

    @property
    def screen(self) -> str:
        return self.shown.decode(errors="ignore").replace("\r\n", "\n")  # the last character may be half there

    @classmethod
    def of(cls, *args: str, **environ: str) -> Terminal:
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 80))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "1", **environ}
        environment.pop("COLUMNS", None)
        running = subprocess.Popen(
            [*ENTRY, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # so that ^C is a signal; no thread runs
        )
        os.close(slave)
        return cls(running, master)

    def type(self, line: str) -> None:
        os.write(self.master, line.encode())

    def read(self, awaited: str) -> str:
        """Read until that was shown; all that came since what was read last."""
        start = self.read_to
        while awaited not in self.screen[start:]:
            chunk = self._chunk()
            assert chunk, f"{awaited!r} never came:\n{self.screen}"
            self.shown += chunk
        self.read_to = self.screen.index(awaited, start) + len(awaited)
        return self.screen[start : self.read_to]

    def finish(self) -> int:
        """Read to the end; the exit code."""
        while chunk := self._chunk():
            self.shown += chunk
        os.close(self.master)
        return self.running.wait(PATIENCE)

    def _chunk(self) -> bytes:
        try:
            return os.read(self.master, 65_536)
        except OSError:  # nobody holds the other end any more
            return b""


@contextmanager
def working(
    temporal: str, module: str, queue: str, stop: signal.Signals = signal.SIGTERM, *, silent: bool = True
) -> Iterator[subprocess.Popen[str]]:
    """A worker, once it works; it ends when it is told to, if it is to be `silent` without having said anything."""
    worker = process("worker", "--temporal", temporal, "--handlers", module, "--queue", queue)
    assert worker.stderr is not None
    try:
        assert worker.stderr.readline() == f"working at {queue} on {temporal}; Ctrl-C ends it\n"
        yield worker
    finally:
        worker.send_signal(stop)
        said = ended(worker)
    assert (said.code, said.out) == (0, "")
    assert "Traceback" not in said.err
    assert not (silent and said.err)


def machine(folder: Path, text: str) -> str:
    """A machine of a name that no other test has; its name."""
    name = f"m{next(_numbers)}"
    first, rest = text.split("\n", 1)
    assert first.startswith("name: ")
    (folder / f"{name}.yaml").write_text(f"name: {name}\n{rest}")
    return name
