"""What is imported to read a log: a large one waits for nothing that reads small or damaged ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.logs.samples import entry

CODE = "import sys; from icapdiag.logs.reading import read_logs; read_logs(sys.argv[1:]); print(*sys.modules)"
LARGE = {"icapdiag.logs.blocks.large"}
ONE_BY_ONE = {"icapdiag.logs.containers.recordwise", "icapdiag.logs.damage.recovery", "html"}


@pytest.mark.parametrize(
    ("lines", "damaged", "expected"),
    [(1000, False, LARGE), (1000, True, LARGE | {"icapdiag.logs.damage.recovery"}), (2, False, ONE_BY_ONE - {"html"})],
)
def test_imports(tmp_path: Path, lines: int, damaged: bool, expected: set[str]) -> None:
    texts = [json.dumps(entry(number) | {"user_agent": "x" * 2000}) for number in range(lines)]
    texts[0] = texts[0][:-1] if damaged else texts[0]
    log = tmp_path / "log"
    log.write_text("\n".join(texts) + "\n")
    done = subprocess.run([sys.executable, "-c", CODE, str(log)], capture_output=True, text=True, check=True)
    assert expected == (LARGE | ONE_BY_ONE) & set(done.stdout.split())
