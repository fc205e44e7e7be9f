"""Reported latency beside the server's own timestamps, member by member, with hundreds of members probed at once.

    python tests/bench/bench_latency.py [--members 500] [--delay 0 20] [--pace 0 0.0005] [--tls] [--no-kernel]

The server is another process (`icap_server.c`; `tls_server.py` with --tls). It records when its kernel took in each
request, and the time right before and after it handed over the answer. The client can't have seen the answer sooner
than the first allows nor, but for the network, later than the last; so the error of a figure is its distance from
that span. "unmarked" are those that are off by more than 5 % and are not called uncertain. ``--no-kernel`` takes the
client's arrival times away: what the sentinel vouches for is looked at.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import trio

from icapdiag.model import Facts
from icapdiag.pool import TLS, Member, Pool, Profile
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.running.catalogue import choose
from tests.bench.bench_check import HERE, SERVICE, address, say, serving
from tests.facts import facts_of

METHODS = {"options": "OPTIONS", "clean": "REQMOD"}
TOLERATED = 0.05
HEADINGS = ("delay", "pace", "answers", "kernel", "p50 ms", "p95 ms", "error p50", "p95", "max", "> 5 %", "marked",
            "unmarked", "wall s")  # fmt: skip
ROW = "{:>5} {:>6} {:>8} {:>7} {:>8} {:>8} {:>10} {:>8} {:>9} {:>6} {:>7} {:>9} {:>7}"


@dataclass(frozen=True)
class Compared:
    """One answer: what was reported, and between what it lay by the server's clock; ms."""

    reported: float
    least: float
    most: float
    clock: str
    uncertain: bool

    @property
    def error(self) -> float:
        """How far the figure is outside of what the server allows; ms."""
        return max(self.least - self.reported, self.reported - self.most, 0.0)

    @property
    def wrong(self) -> bool:
        return self.error > TOLERATED * self.most


@contextmanager
def serving_tls(delay_ms: float, record: Path) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as name:
        certificate, key = _certificate(Path(name))
        command = [sys.executable, str(HERE.with_name("tls_server.py")), "0", str(delay_ms)]
        command += [str(certificate), str(key), str(record)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                yield int(server.stdout.readline())
            finally:
                server.terminate()
                server.wait(10)


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "c.pem", folder / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=bench", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key


def compared(members: int, delay_ms: float, pace: float, *, tls: bool, kernel: bool) -> list[Compared]:
    """Probe that many members at once, and hold each figure against the server's."""
    with tempfile.TemporaryDirectory() as name:
        record = Path(name, "record")
        with serving_tls(delay_ms, record) if tls else serving(delay_ms, record) as port:
            pool = Pool(
                name="bench",
                profile=Profile(service_uri=SERVICE),
                members=tuple(
                    Member(host=address(index), port=port, name=address(index), tls=TLS(verify=False) if tls else None)
                    for index in range(members)
                ),
            )
            away = (
                nullcontext()
                if kernel
                else mock.patch("icapdiag.probe.connection.stream.kernel_stamps", return_value=False)
            )
            settings = Settings(pace=pace, connect_timeout=30, timeout=30, deadline=90)
            with away:
                results = trio.run(lambda: probe_pool(pool, settings, probes=choose(PROBES, only=["clean"])))
        told = dict(map(_recorded, record.read_text().splitlines()))
    return [
        _held_against(facts_of(observation), *told[observation.member, METHODS[observation.probe]])
        for observation in results.observations
        if observation.probe in METHODS and observation.status == "ok"
    ]


def _recorded(line: str) -> tuple[tuple[str, str], tuple[float, float]]:
    """Host and method of a line of the record, and the least and the most that the server took; ms."""
    host, method, received, before, after = line.split()
    return (host, method), ((int(before) - int(received)) / 1e6, (int(after) - int(received)) / 1e6)


def _held_against(facts: Facts, least: float, most: float) -> Compared:
    reported = facts["answer_ms"]
    if not isinstance(reported, int | float):
        sys.exit(f"answer_ms is {reported!r}")
    return Compared(reported, least, most, str(facts["answer_clock"]), facts.get("answer_uncertain") is True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--delay", type=float, nargs="+", default=[0.0, 20.0], help="of the server, in ms")
    parser.add_argument("--pace", type=float, nargs="+", default=[0.0, 0.0005], help="seconds between two starts")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--no-kernel", action="store_true")
    asked = parser.parse_args(arguments)
    say(ROW.format(*HEADINGS))
    for delay in asked.delay:
        for pace in asked.pace:
            start = time.perf_counter()
            found = compared(asked.members, delay, pace, tls=asked.tls, kernel=not asked.no_kernel)
            wall = time.perf_counter() - start
            errors = sorted(each.error for each in found)
            values = sorted(each.reported for each in found)
            middle, late = len(found) // 2, len(found) * 95 // 100
            times = (values[middle], values[late], errors[middle], errors[late], errors[-1])
            counts = (
                sum(each.wrong for each in found),
                sum(each.uncertain for each in found),
                sum(each.wrong and not each.uncertain for each in found),
            )
            kernels = sum(each.clock == "kernel" for each in found)
            say(
                ROW.format(
                    f"{delay:g}", pace, len(found), kernels, *(f"{t:.3f}" for t in times), *counts, f"{wall:.1f}"
                )
            )


if __name__ == "__main__":
    main()
