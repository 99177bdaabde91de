"""How much the tests see: `python -m tests.mutation PACKAGE... [--sample N] [--seed K] [--json FILE] [--only N,...]`.

A *mutant* is the package with one small change; tests that pass with it did not look there. They run in a copy of
the project, those with examples before those with laws, up to the first failure. Mutants are tried in the order in
which they are drawn: what is told of a run that is broken off is a fair sample, too.

A survivor is a question, not yet a gap: some mutants mean the same as what was written.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from string import ascii_uppercase
from typing import NamedTuple, TypeAlias

ROOT = Path(__file__).parent.parent
KERNEL = ("simulator/test_*.py", "machines/test_*_*.py", "testing/test_strategies.py")
LOOKING = {  # whose tests look at a package, the nearest first
    "compiler": ("compiler/test_*.py", "machine/test_*.py", *KERNEL),
    "machine": ("machine/test_*.py", "compiler/test_*.py", *KERNEL, "checker/runs/test_verdict.py"),
    "checker": ("checker/**/test_*.py", "testing/test_recognise.py"),
}
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider")
TIMEOUT = "timeout"
PATIENCE = 4  # how many times longer than without a mutant tests may take
MEMORY = 4 << 30  # bytes: what runs in a circle must not take all there is

PAIRS = ((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn))
OPPOSITE: dict[type[ast.AST], type[ast.cmpop]] = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}
SIGNS: dict[type[ast.AST], ast.operator] = {ast.Add: ast.Sub(), ast.Sub: ast.Add()}
WORD = re.compile(r"[$\w.:/-]*")  # the name of a state, a trigger or a rule; no message
IDLE_FIELDS = ("annotation", "returns", "decorator_list")
IDLE_KEYWORDS = ("repr", "init", "eq", "strict", "hint", "message")

Found: TypeAlias = Mapping[str, str | int]


class Change(NamedTuple):
    """Put `text` in the place of `node`."""

    node: ast.expr | ast.stmt
    kind: str
    text: str


class Mutant(NamedTuple):
    """A file with one change: where, what stands there, and what would."""

    path: Path
    line: int
    kind: str
    before: str
    after: str
    source: bytes


# --- what may be changed


def places(node: ast.AST, *, top: bool = True) -> Iterator[ast.AST]:
    """All nodes in which a change is one of behaviour; `top`: outside of functions and classes."""
    yield node
    top = top and not isinstance(node, ast.FunctionDef | ast.ClassDef)
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if name not in IDLE_FIELDS and isinstance(child, ast.AST) and not _idle(child, top=top):
                yield from places(child, top=top)


def _idle(node: ast.AST, *, top: bool) -> bool:
    """Whether it holds types, messages, docstrings, what is told to the type checker, or what a trigger is called."""
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.Expr(ast.Constant()):
            return True
        case ast.If(ast.Name("TYPE_CHECKING")) | ast.AnnAssign(annotation=ast.Name("TypeAlias")):
            return True
        case ast.Call(ast.Name("TypeVar" | "cast")) | ast.Subscript(ast.Name("Literal")):
            return True
        case ast.keyword(arg=str(name)):
            return name in IDLE_KEYWORDS
        case ast.Assign([ast.Name(name)]) if name.startswith("__"):
            return True
        case ast.Assign([ast.Tuple()]) | ast.Assign(value=ast.Constant(str())):
            return top
    return False


def changes(node: ast.AST) -> Iterator[Change]:
    """What may be put in the place of a node, or of a part of it."""
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp(op, values):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield Change(node, "and-or", f"({ast.unparse(ast.BoolOp(other, values))})")
        case ast.UnaryOp(ast.Not(), operand):
            yield Change(node, "not", f"({ast.unparse(operand)})")
        case ast.BinOp(left, ast.Add() | ast.Sub() as sign, right) if _number(left) and _number(right):
            yield Change(node, "plus-minus", f"({ast.unparse(ast.BinOp(left, SIGNS[type(sign)], right))})")
        case ast.AugAssign(target, ast.Add() | ast.Sub() as sign, ast.Constant() as value):
            yield Change(node, "plus-minus", ast.unparse(ast.AugAssign(target, SIGNS[type(sign)], value)))
        case ast.Constant(bool(value)):
            yield Change(node, "constant", str(not value))
        case ast.Constant(int(value)):
            yield Change(node, "constant", str(value + 1))
            yield Change(node, "constant", str(value - 1) if value else "(-1)")
        case ast.Constant(str(value)) if WORD.fullmatch(value):
            yield Change(node, "text", '"mutated"')
        case ast.Call(func, [first, second, *rest], keywords) if _mistakable(func, first, second):
            yield Change(node, "arguments", ast.unparse(ast.Call(func, [second, first, *rest], keywords)))
        case ast.If(test) | ast.IfExp(test) | ast.comprehension(ifs=[test]) | ast.match_case(guard=test):
            if isinstance(test, ast.Name | ast.Call | ast.Attribute | ast.BoolOp | ast.NamedExpr):
                yield Change(test, "negated", f"(not ({ast.unparse(test)}))")
        case ast.Break() | ast.Continue():
            yield Change(node, "break-continue", "continue" if isinstance(node, ast.Break) else "break")
        case ast.AugAssign() | ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield Change(node, "removed", "pass")
        case ast.Expr(ast.Call() | ast.Yield() | ast.YieldFrom()):
            yield Change(node, "removed", "pass")


def _compared(node: ast.Compare) -> Iterator[Change]:
    for i, op in enumerate(node.ops):
        ops = [*node.ops[:i], OPPOSITE[type(op)](), *node.ops[i + 1 :]]
        yield Change(node, "compare", ast.unparse(ast.Compare(node.left, ops, node.comparators)))
    match node:
        case ast.Compare(ast.Tuple([*left, _]), [op], [ast.Tuple([*right, _])]):
            shorter = ast.Compare(ast.Tuple(left, ast.Load()), [op], [ast.Tuple(right, ast.Load())])
            yield Change(node, "tuple", ast.unparse(shorter))


def _number(node: ast.expr) -> bool:
    """Whether it may be one; names in capitals that are added up are triggers."""
    other = isinstance(node, ast.Tuple | ast.List | ast.JoinedStr)
    return not other and not ast.unparse(node).startswith(("'", *ascii_uppercase))


def _mistakable(func: ast.expr, first: ast.expr, second: ast.expr) -> bool:
    """Whether no type checker would tell the one variable from the other."""
    name = ast.unparse(func).rpartition(".")[2]
    texts = {ast.unparse(arg) for arg in (first, second) if isinstance(arg, ast.Name | ast.Attribute)}
    return name in twins() and len(texts) == 2 and not any(text.isupper() for text in texts)


@cache
def twins() -> frozenset[str]:
    """The functions of the project whose first two parameters are of one type."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "statewf").rglob("*.py")]
    found = set()
    for function in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        types = [arg.annotation for arg in function.args.args if arg.arg not in ("self", "cls")][:2]
        if len(types) == 2 and len({ast.unparse(kind) for kind in types if kind}) == 1:
            found.add(function.name)
    return frozenset(found)


# --- mutants


def mutants(path: Path) -> Iterator[Mutant]:
    """All mutants of a file."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, kind, text in (change for place in places(ast.parse(source)) for change in changes(place)):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        changed = source[:start] + text.encode() + source[end:]
        first, last = starts[node.lineno - 1], starts[node.end_lineno]
        lines = (source[first:last], changed[first : last + len(changed) - len(source)])
        before, after = (" ".join(shown.decode().split()) for shown in lines)
        yield Mutant(path.relative_to(ROOT), node.lineno, kind, before, after, changed)


def drawn(packages: Sequence[str], number: int, seed: int) -> list[Mutant]:
    """So many of all mutants of some packages, by chance."""
    paths = [path for package in packages for path in sorted((ROOT / "statewf" / package).rglob("*.py"))]
    everything = [mutant for path in paths for mutant in mutants(path)]
    return random.Random(seed).sample(everything, min(number, len(everything)))


# --- trying them


class Heat(NamedTuple):
    """Some of the tests in these files, and how many seconds they may take."""

    marks: str
    files: Sequence[str]
    limit: float | None = None


def copied(copy: Path) -> None:
    """Copy the project, and make sure that the copy is what is imported there."""
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True)
    probe = run(copy, ["-c", "import statewf; print(statewf.__file__)"])
    if not Path(probe.stdout).is_relative_to(copy):
        sys.exit(f"not the copy would be tested, but {probe.stdout}")


def run(copy: Path, arguments: Sequence[str], limit: float | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CI": "true", "PYTHONPATH": str(copy)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=limit)


def heats(copy: Path, packages: Iterable[str]) -> dict[str, list[Heat]]:
    """What to run for mutants of each package, examples before laws; without a mutant, all of it passes."""
    found: dict[str, list[Heat]] = {}
    for package in packages:
        files = [file for pattern in LOOKING[package] for file in sorted((copy / "tests").glob(pattern))]
        names = [str(file.relative_to(copy)) for file in files]
        found[package] = [within_time(copy, Heat(marks, names)) for marks in ("not hypothesis", "hypothesis")]
    return found


def within_time(copy: Path, heat: Heat) -> Heat:
    """The same tests, which pass now, with the time that they may take later."""
    began = time.monotonic()
    if failed := failure(copy, heat):
        sys.exit(f"the tests fail without a mutant: {failed}")
    return heat._replace(limit=PATIENCE * (10 + time.monotonic() - began))


def failure(copy: Path, heat: Heat) -> str | None:
    """What failed, if anything did."""
    try:
        done = run(copy, [*PYTEST, "-m", heat.marks, *heat.files], heat.limit)
    except subprocess.TimeoutExpired:
        return TIMEOUT
    told = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return (told or [done.stderr.strip()[-200:] or "failed"])[-1] if done.returncode else None


def tried(copy: Path, number: int, mutant: Mutant, tests: Sequence[Heat]) -> Found:
    """What became of a mutant."""
    path, line, kind, before, after, source = mutant
    written = (copy / path).read_bytes()
    (copy / path).write_bytes(source)
    by = next(filter(None, (failure(copy, heat) for heat in tests)), "")
    (copy / path).write_bytes(written)
    verdict = (TIMEOUT if by == TIMEOUT else "killed") if by else "survived"
    where: Found = {"number": number, "file": str(path), "line": line, "kind": kind}
    return {**where, "verdict": verdict, "by": by, "before": before, "after": after}


def summary(package: str, found: Sequence[Found]) -> str:
    verdicts = Counter(one["verdict"] for one in found if str(one["file"]).startswith(f"statewf/{package}/"))
    number, survived = verdicts.total(), verdicts["survived"]
    return f"{package}: {number - survived} of {number} killed, {verdicts[TIMEOUT]} of them by time"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="How much do the tests see?")
    parser.add_argument("packages", nargs="+", choices=sorted(LOOKING))
    parser.add_argument("--sample", type=int, default=50, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the chance that draws them")
    parser.add_argument("--json", type=Path, help="where to keep what was found")
    parser.add_argument("--only", help="of the mutants that are drawn those of these numbers, from 1")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    chosen = dict(enumerate(drawn(asked.packages, asked.sample, asked.seed), 1))
    numbers = [int(number) for number in asked.only.split(",")] if asked.only else list(chosen)
    found: list[Found] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve()
        copied(copy)
        packages = dict.fromkeys(chosen[number].path.parts[1] for number in numbers)
        tests = heats(copy, packages)
        for number in numbers:
            mutant = chosen[number]
            found.append(tried(copy, number, mutant, tests[mutant.path.parts[1]]))
            print("{number:>3} {verdict:<8} {file}:{line} ({kind}) {by}".format(**found[-1]), flush=True)
            if found[-1]["verdict"] == "survived":
                print("    - {before}\n    + {after}".format(**found[-1]), flush=True)
            if asked.json:
                asked.json.write_text(json.dumps(found, indent=1))
    print(*(summary(package, found) for package in packages), sep="\n")


if __name__ == "__main__":
    main()
