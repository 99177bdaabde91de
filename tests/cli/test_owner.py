"""Handlers as strangers write them, and errors as task groups wrap them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from statewf.cli.owner import owned
from statewf.errors import StoreError
from tests.cli.support import Cli

Write = Callable[[str], str]


# --- modules


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def f(:", "cannot be imported: SyntaxError"),
        ("raise RuntimeError('one\\ntwo')", "cannot be imported: RuntimeError: one two"),
        ("import sys; sys.exit(3)", "cannot be imported"),
        ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError"),
        ("raise RecursionError", "cannot be imported: RecursionError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(source: str, told: str, cli: Cli, handlers: Write) -> None:
    module = handlers(source)
    for verb in (["run", "job.yaml", "--events", "GO"], ["start", "job.yaml"], ["serve"]):
        said = cli(*verb, "--handlers", module)
        assert said.code == 2
        assert said.out == ""
        assert f"error: {module} {told}" in said.err
        assert said.err.count("[bad-handlers]") == 1
    said = cli("run", "job.yaml", "--events", "GO", "--handlers", module, "--json")
    assert (said.code, said.err, said.codes) == (2, "", ["bad-handlers"])


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("no_such_module", "no_such_module cannot be imported"),
        (":", "cannot be imported"),
        (":work", "cannot be imported"),
        ("..work", "cannot be imported"),
        ("{}:missing", "has no missing"),
        ("{}:number", "is not a mapping"),
        ("{}:strings", "is not a mapping"),
        ("{}.py", "is a file, but a module is wanted"),
        ("./folder/{}.py:table", "--handlers folder.{}:table, from the folder"),
    ],
)
def test_what_is_no_mapping_of_handlers_is_told(spec: str, told: str, cli: Cli, handlers: Write) -> None:
    module = handlers("number = 5\nstrings = {'work': 'text'}\ntable = {'work': print}")
    said = cli("run", "job.yaml", "--events", "GO", "--handlers", spec.format(module))
    assert said.code == 2
    assert told.format(module) in said.err
    assert "[bad-handlers]" in said.err


def test_a_mapping_of_a_module_can_be_named(cli: Cli, handlers: Write) -> None:
    module = handlers("def f(call): return {'did': call.step}\ntable = {'work': f}")
    assert cli("run", "job.yaml", "--events", "GO", "--handlers", f"{module}:table").code == 0


# --- functions

WILD = {
    "raises": ("def work(call): raise ValueError('no')", "ValueError"),
    "exits": ("def work(call): raise SystemExit(4)", "SystemExit"),
    "exits async": ("async def work(call): raise SystemExit(4)", "SystemExit"),
    "an object": ("def work(call): return object()", "DataError"),
    "nan": ("def work(call): return float('nan')", "DataError"),
    "a circle": ("def work(call):\n    x = []\n    x.append(x)\n    return x", "DataError"),
    "a long message": ("def work(call): raise ValueError('x' * 100_000)", "ValueError"),
    "a group": ("def work(call): raise ExceptionGroup('many', [ValueError('x')])", "ExceptionGroup"),
    "recursion": ("def work(call): return work(call)", "RecursionError"),
    "no argument": ("def work(): return {}", "TypeError"),
}


@pytest.mark.parametrize("kind", WILD)
def test_whatever_a_handler_does_is_a_failed_call(kind: str, cli: Cli, handlers: Write) -> None:
    source, error = WILD[kind]
    said = cli("run", "job.yaml", "--events", "GO", "--handlers", handlers(source))
    assert (said.code, said.err) == (1, "")
    assert said.out.splitlines()[-1].endswith("ended in failed (failure)")
    assert f'work: {{"error":"{error}"' in said.out
    assert max(map(len, said.out.splitlines())) < 250


def test_an_answer_that_nobody_accepts_is_told(cli: Cli, handlers: Write) -> None:
    module = handlers("from statewf import Event\ndef work(call): return Event('NONSENSE')")
    said = cli("run", "job.yaml", "--events", "GO", "--handlers", module)
    assert said.code == 1
    assert "refused: NONSENSE, the answer of a handler, was not accepted" in said.out
    assert "is still in working; it accepts STOP" in said.err
    said = cli("run", "job.yaml", "--events", "GO", "--handlers", module, "--json")
    assert said.json["rejected"] == ["NONSENSE"]


def test_what_handlers_print_does_not_spoil_the_document(cli: Cli, handlers: Write) -> None:
    module = handlers("print('imported')\ndef work(call):\n    print('working')\n    return {'x': 1}")
    said = cli("run", "job.yaml", "--events", "GO", "--handlers", module, "--json")
    assert said.json["state"] == "done"
    assert said.err == "imported\nworking\n"
    job = cli("start", "job.yaml", "--json").json["instance"]
    said = cli("send", job, "GO", "--handlers", module, "--json")
    assert said.json["state"] == "done"
    assert said.err == "working\n"


def test_warnings_are_lines_without_tracebacks(cli: Cli, handlers: Write) -> None:
    source = "import logging\ndef work(call):\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        {}"
    logging = "logging.getLogger('statewf.mine').exception('%s went wrong', call.key)"
    said = cli("run", "job.yaml", "--events", "GO", "--handlers", handlers(source.format(logging)))
    job = said.out.split()[0]
    assert said.err == f"error: {job}/main/2 went wrong\n"


# --- errors in groups


def test_the_error_in_a_group_comes_out_as_itself() -> None:
    async def one() -> None:
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [StoreError("the disk")])])

    async def several() -> None:
        raise BaseExceptionGroup("outer", [ValueError("x"), ExceptionGroup("inner", [StoreError("the disk")])])

    async def interrupted() -> None:
        raise BaseExceptionGroup("outer", [StoreError("the disk"), KeyboardInterrupt()])

    async def fine() -> int:
        return 3

    for verb, kind in ((one, StoreError), (several, StoreError), (interrupted, KeyboardInterrupt)):
        with pytest.raises(kind):
            owned(verb)
    assert owned(fine) == 3
