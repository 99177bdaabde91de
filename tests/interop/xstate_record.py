"""Records what XState itself does with generated configs, for `test_xstate_traces`.

npm install --prefix FOLDER xstate@5 && cp tests/interop/xstate_peer.mjs FOLDER
python -m tests.interop.xstate_record FOLDER > tests/interop/xstate_traces.jsonl
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import IO, Any

from hypothesis import HealthCheck, given, seed, settings

from statewf.compiler import compile_definition
from statewf.errors import CompileError, ConversionError
from statewf.interop.xstate import read
from tests.interop.xstate_configs import configs, facts, scripts
from tests.interop.xstate_traces import Circled, trace

MOST, LONGEST, EXAMPLES = 80, 6_000, 3_000


def _recorded(line: str, answer: dict[str, Any], kept: dict[str, None]) -> None:
    """Keep a case in which something happens, and of which both sides say what."""
    case = json.loads(line)
    if sum(bool(seen["told"]) for seen in answer.get("trace", [])) < 4 or len(line) > LONGEST:
        return
    try:
        imported = read(json.dumps(case["config"]))
        trace(imported.definition, compile_definition(imported.definition), case["facts"], case["script"])
    except (ConversionError, CompileError, Circled):
        return
    if not any("in XState" in remark.message for remark in imported.remarks):
        kept[json.dumps({**case, "trace": answer["trace"]})] = None


def main(folder: str) -> None:
    """Write the cases, one a line."""
    command = ["node", "xstate_peer.mjs"]
    kept: dict[str, None] = {}
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        asked, answers = peer.stdin, peer.stdout
        assert asked is not None
        assert answers is not None
        _all(asked, answers, kept)
        asked.close()
    apart = max(1, len(kept) // MOST)  # those that follow each other are alike
    print("\n".join(list(kept)[::apart]))


def _all(asked: IO[str], answers: IO[str], kept: dict[str, None]) -> None:
    @seed(5)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(configs(), facts, scripts)
    def each(config: dict[str, Any], given_facts: dict[str, bool], script: list[Any]) -> None:
        line = json.dumps({"config": config, "facts": given_facts, "script": script})
        asked.write(line + "\n")
        asked.flush()
        _recorded(line, json.loads(answers.readline()), kept)

    each()


if __name__ == "__main__":
    main(sys.argv[1])
