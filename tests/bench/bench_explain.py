"""`icapdiag`'s log reading beside jq, DuckDB and Polars, on the same files in the same run.

    python tests/bench/bench_explain.py DIRECTORY [--generator genlog.py] [--size 1G] [--icap 0.05 0.5 1] [--rounds 5]
        [--python VENV/bin/python] [--only ours jq] [--forms jsonl array envelope]

Files are made in DIRECTORY if they are not there. Cases of one file are interleaved, the median of the rounds
is shown: wall and CPU seconds, peak memory of the largest process, and how many times our wall time each takes.
DuckDB and Polars are not among the project's dependencies: ``--python`` names an interpreter that has them.

The others count requests by action, X-Response-Desc and pool, with latencies; ours does all of `explain`'s
reading: groups, verdicts, time line, members, threats, percentiles, examples. ``--explain`` adds the whole command.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OURS = """
import os, sys
from icapdiag.logs.blocks.decoding import FallbackReader
from icapdiag.logs.blocks.summarise import Layout, summarise_file
from icapdiag.logs.counting.summary import Summary

summary = Summary()
layout = Layout.LINES if sys.argv[1].endswith(".jsonl") else Layout.VALUES
tally = summarise_file(os.open(sys.argv[1], os.O_RDONLY), layout, FallbackReader(summary), jobs=int(sys.argv[2]))
print(summary.head(), len(summary.observations()), len(summary.groups()), len(summary.timeline()), tally)
"""

JQ = (
    "{select}|select(.icap_log)|.icap_log.request_logs[]?|[.action,"
    '((.icap_headers_received_from_server//"")|(split("X-Response-Desc: ")[1]//"-")|split("\\r\\n")[0]),'
    ".pool_name.val,.latency]|@tsv"
)
COUNT = r"""awk -F'\t' '{n[$1 FS $2 FS $3]++; l[$3 FS $4]++} END {for (k in n) c++; for (k in l) d++; print c, d}'"""

REQUESTS = (
    "STRUCT(request_logs STRUCT(action VARCHAR, pool_name STRUCT(val VARCHAR), latency VARCHAR, "
    "icap_headers_received_from_server VARCHAR)[])"
)
DUCKDB = """
import duckdb, sys
form = "newline_delimited" if sys.argv[1].endswith(".jsonl") else "array"
columns = {"icap_log": REQUESTS}
duckdb.sql("SET threads=2")
print(duckdb.sql(f'''
    WITH r AS (SELECT unnest(icap_log.request_logs) AS q FROM
        read_json('{sys.argv[1]}', format='{form}', columns={columns}, maximum_object_size=100000000))
    SELECT q.pool_name.val, count(*), quantile_disc(q.latency::BIGINT, [0.5, 0.95, 0.99]),
        count(DISTINCT q.action || regexp_extract(q.icap_headers_received_from_server, 'X-Response-Desc: ([^\\r]*)', 1))
    FROM r GROUP BY 1''').fetchall())
""".replace("REQUESTS", repr(REQUESTS))

POLARS = """
import polars as pl, sys
request = pl.Struct({"action": pl.String, "pool_name": pl.Struct({"val": pl.String}), "latency": pl.String,
                     "icap_headers_received_from_server": pl.String})
schema = {"icap_log": pl.Struct({"request_logs": pl.List(request)})}
path = sys.argv[1]
rows = pl.scan_ndjson(path, schema=schema) if path.endswith(".jsonl") else pl.read_json(path, schema=schema).lazy()
q = pl.col("request_logs").struct
print(rows.select(pl.col("icap_log").struct.field("request_logs")).explode("request_logs").drop_nulls().select(
    q.field("action"), q.field("pool_name").struct.field("val"), q.field("latency").cast(pl.Int64),
    q.field("icap_headers_received_from_server").str.extract("X-Response-Desc: ([^\\\\r]*)").alias("desc"),
).group_by("action", "val", "desc").agg(
    pl.len(), *(pl.col("latency").quantile(s, "higher").alias(str(s)) for s in (0.5, 0.95, 0.99))).collect())
"""


SUFFIXES = {"jsonl": "jsonl", "array": "array.json", "envelope": "envelope.json"}


@dataclass
class Case:
    """One way to do it. ``command`` is run by sh if it is text."""

    name: str
    command: Sequence[str] | str


@dataclass
class Run:
    """What one run took: seconds, and MB of its largest process."""

    wall: float
    cpu: float
    memory: float


def cases(path: Path, form: str, options: argparse.Namespace) -> Iterator[Case]:
    """All that can read the file; what is not installed is left out."""
    python = options.python
    yield Case("ours", [sys.executable, "-c", OURS, str(path), "2"])
    yield Case("ours, 1 process", [sys.executable, "-c", OURS, str(path), "1"])
    if options.explain:
        yield Case("explain", [sys.executable, "-m", "icapdiag", "explain", str(path)])
    jq = shutil.which("jq")
    if jq:
        select = {"jsonl": ".", "array": ".[]", "envelope": ".results[]"}[form]
        yield Case("jq", f"{jq} -r '{JQ.format(select=select)}' {path} | {COUNT}")
    if form == "envelope":  # for DuckDB and Polars an envelope is one row of gigabytes
        return
    if _has(python, "duckdb"):
        yield Case("duckdb", [python, "-c", DUCKDB, str(path)])
    if _has(python, "polars"):
        yield Case("polars", [python, "-c", POLARS, str(path)])


def _has(python: str, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


# Runs one command and says what its children took, with the largest of them.
MEASURE = """
import resource, subprocess, sys, time
command = eval(sys.argv[1])
start = time.perf_counter()
done = subprocess.run(command, shell=isinstance(command, str), stdout=subprocess.PIPE)
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
assert done.returncode in (0, 1) and done.stdout, done  # 1: explain found something
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)
"""


def run(case: Case, environment: Mapping[str, str]) -> Run:
    """Run it once. Raises `RuntimeError` if it fails or prints nothing."""
    command = [sys.executable, "-c", MEASURE, repr(case.command)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{case.name}: {done.stderr[-2000:]}")
    return Run(*map(float, done.stdout.split()))


def show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def compare(path: Path, form: str, options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Print a table for one file."""
    chosen = [case for case in cases(path, form, options) if not options.only or case.name in options.only]
    runs: dict[str, list[Run]] = {case.name: [] for case in chosen}
    for case in chosen:
        if case.command[0] == sys.executable:
            run(case, environment)  # byte code is compiled, the file is in memory
    for _ in range(options.rounds):
        for case in chosen:
            runs[case.name].append(run(case, environment))

    def median(name: str, what: str) -> float:
        return statistics.median(float(getattr(one, what)) for one in runs[name])

    first = chosen[0].name
    show(f"\n{path.name}: {path.stat().st_size / 1e6:.0f} MB, median of {options.rounds}")
    show(f"{'':18}{'wall s':>9}{'CPU s':>9}{'RSS MB':>9}{f'x {first}':>9}{'x CPU':>9}")
    for case in chosen:
        wall, cpu, memory = (median(case.name, what) for what in ("wall", "cpu", "memory"))
        ratios = f"{wall / median(first, 'wall'):9.1f}{cpu / median(first, 'cpu'):9.1f}"
        show(f"{case.name:18}{wall:9.3f}{cpu:9.2f}{memory:9.0f}{ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--generator", type=Path)
    parser.add_argument("--size", default="1G")
    parser.add_argument("--icap", nargs="+", default=["0.05", "0.5", "1"])
    parser.add_argument("--forms", nargs="+", default=["jsonl", "array", "envelope"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--explain", action="store_true")
    options = parser.parse_args()
    show(f"{os.cpu_count()} CPUs, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as bytecode:
        # As installed: with byte code.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        for share in options.icap:
            paths = {form: options.directory / f"{share}.{SUFFIXES[form]}" for form in options.forms}
            missing = [f"{form}={path}" for form, path in paths.items() if not path.exists()]
            if missing and options.generator is None:
                parser.error(f"{missing[0]} is missing, and no --generator is given to make it")
            if missing:
                command = [sys.executable, str(options.generator), "--size", options.size, "--icap", share]
                subprocess.run([*command, "--seed", "7", *missing], check=True)
            for form, path in paths.items():
                compare(path, form, options, environment)


if __name__ == "__main__":
    main()
