"""Reports that an earlier version saved (488011a, before facts had types), and what it made of them in each format.

All is as that version drew it, byte for byte, but for five defects that have since been corrected:

- Markdown, the tickets and JUnit say how long a run took as the table and HTML always did ("took 394 ms", not "0.4 s").
- nagios (``entries_other``) and Prometheus (``action="other"``) have entries whose action is not known.
- Where a retry or RESPMOD made several ICAP requests of one, what clients got is headed "ICAP requests".
- Of a TLS member whose certificate is not accepted, the problem says what becomes of uploads (Users).
- The first step has two lines, for its click path; a failing member without a failed step has the title of its problem.

``python -m tests.golden REPORT.json…`` adds saved reports; ``python -m tests.golden --update`` draws all of them anew,
which is right only where a change of the output is meant: look at ``git diff --stat`` and say why in the commit.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from icapdiag.report.formats import FORMATS, render
from icapdiag.report.machine.from_json import read_report

FOLDER = Path(__file__).parent / "data" / "golden"


def names() -> list[str]:
    """The saved reports, by name."""
    return sorted(path.name.removesuffix(".report.gz") for path in FOLDER.glob("*.report.gz"))


def forms() -> list[str]:
    """The formats that the earlier version had: what is new since has nothing to be held against."""
    drawn_in = {path.name.removesuffix(".gz").rpartition(".")[2] for path in FOLDER.glob("*.gz")}
    return [form for form in FORMATS if form in drawn_in]


def saved(name: str) -> bytes:
    """A report as the earlier version wrote it with ``-o json``."""
    return gzip.decompress((FOLDER / f"{name}.report.gz").read_bytes())


def drawn(name: str, form: str) -> str:
    """What the earlier version made of it in this format."""
    return gzip.decompress((FOLDER / f"{name}.{form}.gz").read_bytes()).decode()


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, mtime=0))


def _draw(name: str) -> Iterator[tuple[str, str]]:
    report = read_report(saved(name))
    for form in FORMATS:
        yield form, render(report, form)


def main(arguments: list[str]) -> None:
    """Add the reports named, or draw all anew."""
    for path in map(Path, arguments if arguments != ["--update"] else []):
        _write(FOLDER / f"{path.stem}.report.gz", path.read_bytes())
    for name in names():
        for form, text in _draw(name):
            _write(FOLDER / f"{name}.{form}.gz", text.encode())


if __name__ == "__main__":
    main(sys.argv[1:])
