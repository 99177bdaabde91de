"""The HTTP side of `serve`: a real process, real connections, SIGKILL."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.support import Cli, ended, process

Write = Callable[[str], str]

PATIENCE = 30  # seconds
TOKEN = "a-token-that-nobody-guesses"  # of the tests


@contextmanager
def serving(
    module: str, *args: str, stop: signal.Signals = signal.SIGTERM, port: int = 0, **more: Any
) -> Iterator[str]:
    """A service as a process; its address."""
    service = process("serve", "--handlers", module, "--port", str(port), *args, **more)
    assert service.stderr is not None
    try:
        told = ""
        while not (address := re.search(r"HTTP API at (\S+)/api/openapi.json", told)):
            line = service.stderr.readline()
            assert line, told
            told += line
        yield address[1]
    finally:
        service.send_signal(stop)
        said = ended(service)
        assert "Traceback" not in said.err


def steps(http: httpx.Client, path: str, last: str, count: int) -> list[tuple[str, dict[str, Any]]]:
    """So many events of a stream, after that one: their ids and data."""
    found: list[tuple[str, dict[str, Any]]] = []
    with http.stream("GET", path, headers={"last-event-id": last}) as answer:
        number = ""
        for line in answer.iter_lines():
            if line.startswith("id: "):
                number = line.removeprefix("id: ")
            elif line.startswith('data: {"instance"'):
                found.append((number, json.loads(line.removeprefix("data: "))))
            if len(found) == count:
                break
    return found


def test_what_is_killed_goes_on_and_no_stream_misses_anything(cli: Cli, handlers: Write) -> None:
    door = cli("start", "door.yaml", "--json").json["instance"]
    module = handlers("")
    with serving(module, stop=signal.SIGKILL) as address, httpx.Client(base_url=address, timeout=PATIENCE) as http:
        events = f"/api/instances/{door}/events"
        assert http.post(events, json={"event": "OPEN", "key": "a"}).status_code == 201
        seen = steps(http, "/api/stream", "0", 2)
        assert http.post(events, json={"event": "CLOSE", "key": "b"}).status_code == 201
    with serving(module) as address, httpx.Client(base_url=address, timeout=PATIENCE) as http:
        assert http.post(events, json={"event": "CLOSE", "key": "b"}).status_code == 208  # pressed twice, done once
        assert http.post(events, json={"event": "OPEN", "key": "c"}).status_code == 201
        for path, last in (("/api/stream", seen[-1][0]), (f"/api/instances/{door}/stream", "2")):
            after = steps(http, path, last, 2)
            assert [told["event"] for _, told in after] == ["CLOSE", "OPEN"]
            assert [told["seq"] for _, told in after] == [3, 4]


def test_it_ends_though_somebody_follows(cli: Cli, handlers: Write) -> None:
    cli("start", "door.yaml")
    with serving(handlers("")) as address, httpx.Client(base_url=address, timeout=PATIENCE) as http:
        following = http.stream("GET", "/api/stream")
        assert following.__enter__().status_code == 200


def test_what_the_verbs_do_is_streamed_too(cli: Cli, handlers: Write) -> None:
    door = cli("start", "door.yaml", "--json").json["instance"]
    with serving(handlers("")) as address, httpx.Client(base_url=address, timeout=PATIENCE) as http:
        cli("send", door, "OPEN")
        assert [told["event"] for _, told in steps(http, "/api/stream", "0", 2)] == ["$start", "OPEN"]


def test_one_that_stands_by_answers_too(cli: Cli, handlers: Write) -> None:
    door = cli("start", "door.yaml", "--json").json["instance"]
    module = handlers("")
    with serving(module), serving(module) as second, httpx.Client(base_url=second, timeout=PATIENCE) as http:
        assert http.get("/health").json()["owns"] is False
        assert http.post(f"/api/instances/{door}/events", json={"event": "OPEN"}).status_code == 201
        assert [told["event"] for _, told in steps(http, "/api/stream", "0", 2)] == ["$start", "OPEN"]


def test_with_a_token_only_who_brings_it_is_let_in(cli: Cli, handlers: Write, folder: Path) -> None:
    cli("start", "door.yaml")
    (folder / "token").write_text(f"{TOKEN}\n")
    with serving(handlers(""), "--token-file", "token", "--allow-host", "flows.example.org") as address:
        assert httpx.get(f"{address}/api/instances").status_code == 401
        headers = {"authorization": f"Bearer {TOKEN}", "host": "flows.example.org"}
        assert httpx.get(f"{address}/api/instances", headers=headers).status_code == 200
        assert httpx.get(f"{address}/api/instances", headers={**headers, "host": "example.org"}).status_code == 421


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--host", "0.0.0.0"], "--host goes with --port."),
        (["--allow-host", "x"], "--allow-host goes with --port."),
        (["--token-file", "x"], "--token-file goes with --port."),
        (["--port", "70000"], "70000 is not in the range"),
        (["--port", "0", "--host", "0.0.0.0"], "a service beyond this machine needs a token"),
        (["--port", "0", "--token-file", "nowhere"], "the token cannot be read from nowhere"),
        (["--port", "0", "--host", "127.0.0.300"], "a service beyond this machine needs a token"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(cli: Cli, handlers: Write, args: list[str], told: str) -> None:
    cli("start", "door.yaml")
    said = cli("serve", "--handlers", handlers(""), *args)
    assert (said.code, said.out) == (2, "")
    assert told in " ".join(said.err.split())


def test_a_token_that_is_short_is_none(cli: Cli, handlers: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATEWF_TOKEN", "secret")
    said = cli("serve", "--handlers", handlers(""), "--port", "0")
    assert (said.code, said.out) == (2, "")
    assert "a token has 16 characters at least" in said.err


def test_a_port_that_is_taken_is_told(cli: Cli, handlers: Write) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = cli("serve", "--handlers", handlers(""), "--port", str(port))
    assert (said.code, said.out) == (2, "")
    assert f"127.0.0.1:{port} cannot be listened at" in said.err


def test_without_the_library_it_is_said_what_to_install(
    cli: Cli, handlers: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("statewf.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "litestar", None)
    said = cli("serve", "--handlers", handlers(""), "--port", "0")
    assert (said.code, said.out) == (2, "")
    assert "pip install 'statewf[web]'" in said.err


def test_nothing_of_it_is_loaded_where_nobody_asks() -> None:
    code = "import sys, statewf.cli.main, statewf.cli.drive; print([m for m in sys.modules if 'litestar' in m or 'uvicorn' in m])"
    said = ended(process(entry=[sys.executable, "-c", code]))
    assert (said.code, said.out) == (0, "[]\n")


def test_an_empty_token_is_none(cli: Cli, handlers: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("start", "door.yaml")
    (tmp_path / "token").write_text("\n")
    refused = cli("serve", "--handlers", handlers(""), "--port", "0", "--token-file", str(tmp_path / "token"))
    assert refused.code == 2
    assert "is empty" in refused.err
    monkeypatch.setenv("STATEWF_TOKEN", "")
    refused = cli("serve", "--handlers", handlers(""), "--port", "0")
    assert refused.code == 2
    assert "STATEWF_TOKEN is empty" in refused.err
    monkeypatch.setenv("STATEWF_TOKEN", "ä-token-of-thirty-two-characters")
    refused = cli("serve", "--handlers", handlers(""), "--port", "0")
    assert refused.code == 2
    assert "ASCII" in refused.err
