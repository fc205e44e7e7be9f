"""`icapdiag explain` on logs that are damaged, odd or CSV, beside an earlier version on the same files in the same run.

    python -m tests.bench.bench_damage DIRECTORY [--size 30M] [--shapes cut comma csv …] [--rounds 3]
        [--before VENV/bin/python] [--generator genlog.py]

Files are made in DIRECTORY if they are not there, of entries from ``--generator`` (any program that takes
``--size SIZE --icap 0.5 jsonl=PATH csv=PATH``) or, without one, of `tests.logs.generate`. ``--before`` is the Python
of an environment that has the version to compare with. Runs are interleaved; shown is the best of the rounds: user CPU
of one process with its start in seconds, MB a second of that ("CPU"), and of the time that reading takes with as many
processes as it chooses ("wall"), peak memory in MB, and the records that were counted.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.bench.bench_explain import show
from tests.logs.generate import generated

READ = """
import resource, sys, time
from icapdiag.logs.reading import read_logs

started = time.perf_counter()
reading = read_logs([sys.argv[1]], jobs=int(sys.argv[2]) or None)
reading.observations
wall = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_SELF)
children = resource.getrusage(resource.RUSAGE_CHILDREN)
counts = reading.records
print(used.ru_utime + children.ru_utime, wall, used.ru_maxrss / 1000, counts.total)
"""
_ADDRESS = re.compile(rb'"icap_server_ip": ?"[^"]*"')

Shape = Callable[[Iterable[bytes], random.Random], Iterator[bytes]]


def _cut(lines: Iterable[bytes], choose: random.Random) -> Iterator[bytes]:
    """Every line ends at any byte."""
    for line in lines:
        yield line[: choose.randrange(2, len(line))] + b"\n"


def _dropped(lines: Iterable[bytes], choose: random.Random) -> Iterator[bytes]:
    """Of every line a quote is missing."""
    for line in lines:
        at = line.index(b'"', choose.randrange(1, len(line) // 2))
        yield line[:at] + line[at + 1 :] + b"\n"


def _comma(lines: Iterable[bytes], choose: random.Random) -> Iterator[bytes]:
    """Two commas between two members of every line."""
    for line in lines:
        at = line.index(b',"', choose.randrange(1, len(line) // 2))
        yield line[:at] + b"," + line[at:] + b"\n"


def _commas_behind(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """Two commas at the end of every line."""
    for line in lines:
        yield line + b",,\n"


def _only_commas(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """Two commas and nothing else on every other line."""
    for line in lines:
        yield line + b"\n"
        yield b",,\n" * 100


def _open_brace(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """No line has its last bracket."""
    for line in lines:
        yield line[:-1] + b"\n"


def _array_cut(lines: Iterable[bytes], choose: random.Random) -> Iterator[bytes]:
    """An array with one element a line, every one cut."""
    yield b"[\n"
    for line in _cut(lines, choose):
        yield line[:-1] + b",\n"
    yield b"]\n"


def _array_comma(lines: Iterable[bytes], choose: random.Random) -> Iterator[bytes]:
    """An array with everything on one line, and two commas in every element."""
    yield b"["
    for line in _comma(lines, choose):
        yield line[:-1] + b","
    yield b"{}]\n"


def _array_only_commas(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """An array with three commas between elements."""
    yield b"["
    for line in lines:
        yield line + b",,,\n"
    yield b"{}]\n"


def _syslog_cut(lines: Iterable[bytes], choose: random.Random) -> Iterator[bytes]:
    """Syslog of a Service Engine, every message cut."""
    for line in _cut(lines, choose):
        yield b"<134>1 2026-03-01T23:59:59.5Z se-host upload-vs 0 815 - " + line[1:]


def _syslog(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """Syslog of a Service Engine."""
    for line in lines:
        yield b"<134>1 2026-03-01T23:59:59.5Z se-host upload-vs 0 815 - " + line[1:-1] + b"\n"


def _empty(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """Objects without any member."""
    for line in lines:
        yield b"{}\n" * (len(line) // 3)


def _alerts(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """Objects that are not of an application log."""
    for line in lines:
        yield b'{"event_id":"VS_UP","obj_key":"x"}\n' * (len(line) // 35)


def _servers(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """Every request went to a server of its own."""
    for number, line in enumerate(lines):
        address = b"10.%d.%d.%d" % (number >> 16 & 255, number >> 8 & 255, number & 255)
        yield _ADDRESS.sub(b'"icap_server_ip":"%b"' % address, line) + b"\n"


def _whole(lines: Iterable[bytes], _: random.Random) -> Iterator[bytes]:
    """A healthy log."""
    for line in lines:
        yield line + b"\n"


SHAPES: dict[str, Shape] = {
    "whole": _whole,
    "cut": _cut,
    "dropped": _dropped,
    "comma": _comma,
    "commas-behind": _commas_behind,
    "only-commas": _only_commas,
    "open-brace": _open_brace,
    "array-cut": _array_cut,
    "array-comma": _array_comma,
    "array-only-commas": _array_only_commas,
    "syslog": _syslog,
    "syslog-cut": _syslog_cut,
    "empty-objects": _empty,
    "alerts": _alerts,
    "servers": _servers,
}
CSV_SHAPES = ("csv", "csv-open", "csv-one-quote")


def make(shape: str, path: Path, lines: Path, rows: Path) -> None:
    """Write a file of this shape, of the log with one entry a line, or of its CSV export."""
    if shape == "csv":
        shutil.copyfile(rows, path)  # what is held here would count as memory of the children
    elif shape == "csv-open":  # a quote in the third row that nothing closes
        with rows.open("rb") as whole, path.open("wb") as out:
            out.writelines([next(whole), next(whole), b'"'])
            out.writelines(row.replace(b'"', b"'") for row in whole)
    elif shape == "csv-one-quote":  # the same, and the rows behind it have theirs
        with rows.open("rb") as whole, path.open("wb") as out:
            out.writelines([next(whole), next(whole), b'"'])
            out.writelines(whole)
    else:
        with lines.open("rb") as whole, path.open("wb") as out:
            out.writelines(SHAPES[shape]((line[:-1] for line in whole), random.Random(shape)))  # noqa: S311


def make_sources(directory: Path, size: str, generator: Path | None) -> tuple[Path, Path]:
    """A log of about this size with one entry a line, and its CSV export."""
    lines, rows = directory / "source.jsonl", directory / "source.csv"
    if lines.exists() and rows.exists():
        return lines, rows
    if generator is not None:
        command = [sys.executable, str(generator), "--size", size, "--icap", "0.5", f"jsonl={lines}", f"csv={rows}"]
        subprocess.run(command, check=True)
        return lines, rows
    wanted = int(size[:-1]) * {"K": 10**3, "M": 10**6, "G": 10**9}[size[-1]]
    names = list(dict.fromkeys(name for one in generated(200, share=1, order="as written", seed=1) for name in one))
    with lines.open("wb") as out, rows.open("w", newline="") as table:
        writer = csv.DictWriter(table, names, extrasaction="ignore")
        writer.writeheader()
        for entry in generated(wanted, share=0.5, order="as written", seed=1):
            out.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            writer.writerow(entry)
            if out.tell() >= wanted:
                break
    return lines, rows


def measure(python: str, path: Path, jobs: int, limit: float, environment: dict[str, str]) -> list[float] | None:
    """User CPU in s, time of reading in s, peak memory in MB, records; None where it takes too long.

    ``jobs``: processes, 0 for as many as reading chooses.
    """
    isolated = [] if python == sys.executable else ["-I"]  # or it would find the version of this directory
    command = [python, *isolated, "-c", READ, str(path.resolve()), str(jobs)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True, env=environment)
    except subprocess.TimeoutExpired:
        return None
    return [float(word) for word in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--size", default="30M")
    parser.add_argument("--shapes", nargs="+", default=[*SHAPES, *CSV_SHAPES], choices=[*SHAPES, *CSV_SHAPES])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", default="")
    parser.add_argument("--generator", type=Path)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds that one run may take")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as bytecode:
        # As installed: with byte code, which the first run of each version writes.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        compare(options, environment | {"PYTHONPYCACHEPREFIX": bytecode})


def compare(options: argparse.Namespace, environment: dict[str, str]) -> None:
    """Print a table with a line for each shape."""
    lines, rows = make_sources(options.directory, options.size, options.generator)
    versions = {"before": options.before, "now": sys.executable}
    for python in filter(None, versions.values()):
        measure(python, lines, 1, options.limit, environment)
    names = "".join(f"{name:>8} s{'CPU':>7}{'wall':>7}{'RSS':>5}{'records':>9}" for name in versions)
    show(f"{'shape':18}{'MB':>6}{names}")
    for shape in options.shapes:
        path = options.directory / f"{shape}.{'csv' if shape in CSV_SHAPES else 'log'}"
        if not path.exists():
            make(shape, path, lines, rows)
        size = path.stat().st_size / 1e6
        found: dict[str, list[list[float] | None]] = {name: [] for name in versions}
        for _ in range(options.rounds):
            for name, python in versions.items():
                if python and None not in found[name]:
                    alone, free = (measure(python, path, jobs, options.limit, environment) for jobs in (1, 0))
                    found[name].append(alone and free and [alone[0], free[1], *alone[2:]])
        shown = ""
        for runs in found.values():
            if not runs or None in runs:
                shown += f"{'-':>10}{'-':>7}{'-':>7}{'-':>5}{'-':>9}"
            else:
                used, wall, memory, records = (min(values) for values in zip(*filter(None, runs), strict=True))
                shown += f"{used:10.2f}{size / used:7.1f}{size / wall:7.1f}{memory:5.0f}{records:9.0f}"
        show(f"{shape:18}{size:6.1f}{shown}")


if __name__ == "__main__":
    main()
