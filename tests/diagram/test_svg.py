"""SVG: by whatever Graphviz is there, and a clear word when none is."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from statewf.diagram import draw, svg
from statewf.errors import StatewfError
from tests.diagram.cases import ORDER, compiled


def test_an_svg_is_a_document_with_the_names_in_it() -> None:
    text = draw(compiled(ORDER), "svg")
    document = ET.fromstring(text)
    assert document.tag == "{http://www.w3.org/2000/svg}svg"
    assert "processing-payment" in "".join(document.itertext())
    assert "Liberation Sans" in text


def test_without_graphviz_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(StatewfError) as caught:
        draw(compiled(ORDER), "svg")
    assert 'pip install "statewf[draw]"' in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_system_dot_comes_first_then_the_scripts_of_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None if path else f"/bin/{name}")
    assert svg.renderer() == "/bin/dot"
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"{path}/{name}" if path else None)
    found = svg.renderer()
    assert found is not None
    assert found.endswith("/graphviz-pure")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/bin/sh\necho 'Error: no\nmore' >&2\nexit 3\n", "failed: Error: no"),
        ("#!/bin/sh\ncat >/dev/null\n", "failed: exit code 0"),
        ("#!/nowhere/at/all\n", "cannot be run: No such file or directory"),
        ("#!/bin/sh\nexec sleep 5\n", "did not draw this within 0.2 seconds"),
    ],
)
def test_a_renderer_that_fails_is_told_in_one_line(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dot"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda *_, **__: str(program))
    monkeypatch.setattr(svg, "SECONDS", 0.2 if "sleep" in script else 60)
    with pytest.raises(StatewfError) as caught:
        draw(compiled(ORDER), "svg")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_an_svg_needs_a_subprocess() -> None:
    code = "import sys; bare = {*sys.modules}; import statewf.diagram; print('subprocess' in {*sys.modules} - bare)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
