"""The probe engine beside a plain epoll loop, on the same members in the same run.

    python tests/bench/bench_check.py [--members 5000] [--delay 0] [--rounds 3] [--only floor same engine command]

The server is `icap_server.c`, compiled with cc, in a process of its own; each member has its own 127.x.y.z. Cases
are interleaved, the median of the rounds is shown: wall and CPU seconds, CPU per member, and the process's peak memory.

    floor     one connection a member: connect, OPTIONS, REQMOD, close; Python's select.epoll and nothing else
    same      the floor with what our probes send: OPTIONS and REQMOD on a connection each
    engine    icapdiag's probes without the report: tcp, options, clean; imports and the loading of the pool left out
    command   `icapdiag check pool.yaml` as a user runs it, with a report as JSON and as a table
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import trio

from icapdiag.icap.samples import CLEAN
from icapdiag.pool import Member, Pool, Profile, load_pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.plan import plan_pool

HERE = Path(__file__).resolve()
SERVICE = "/avscan"
CASES = ("floor", "same", "engine", "command")
ROW = "{:<8} {:>7} {:>7} {:>14} {:>8} {:>10} {:>7}"
IN_FLIGHT = 1024  # as many as ours has at once


@dataclass(frozen=True)
class Figures:
    """Seconds of one run, and the peak memory of its process in MB; ``base_mb`` is that before the work."""

    wall: float
    cpu: float
    rss_mb: float
    base_mb: float = 0.0


def address(index: int) -> str:
    """An address of 127/8 for each member, none of them 127.0.x.y."""
    return f"127.{10 + index // 62500}.{index // 250 % 250}.{1 + index % 250}"


@contextmanager
def serving(delay_ms: float, record: Path | None = None) -> Iterator[int]:
    """The port of the server, compiled and started in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "icap_server")
        subprocess.run(["cc", "-O2", "-o", program, HERE.with_name("icap_server.c")], check=True)
        command = [str(program), "0", str(delay_ms), *([str(record)] if record else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                yield int(server.stdout.readline())
            finally:
                server.terminate()
                server.wait(10)


def pool_file(path: Path, members: int, port: int) -> Path:
    hosts = "".join(f"  - {address(index)}\n" for index in range(members))
    path.write_text(f"pool: bench\ndefault_port: {port}\nprofile: {{service_uri: {SERVICE}}}\nmembers:\n{hosts}")
    return path


def measured_child(code: str, *arguments: object) -> Figures:
    """The figures that a fresh Python prints which runs this code; its own imports are not in them."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))} failed:\n{done.stderr}")
    return Figures(**json.loads(done.stdout))


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(HERE.parents[2])}


def usage() -> tuple[float, float, float]:
    """Wall and CPU seconds, and peak memory in MB."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def floor(members: int, port: int, *, shared: bool) -> Figures:
    """A plain epoll client with the requests that our probes send."""
    requests = [_requests(address(index), port) for index in range(members)]
    _raise_limit()
    start = usage()
    _epoll(port, requests, shared=shared)
    end = usage()
    return Figures(end[0] - start[0], end[1] - start[1], end[2], start[2])


def _requests(host: str, port: int) -> tuple[bytes, bytes]:
    """OPTIONS and REQMOD as the plan has them; of the body it tells the size alone."""
    pool = Pool(name="", profile=Profile(service_uri=SERVICE), members=(Member(host=host, port=port, name=host),))
    steps = {step.probe: step for step in plan_pool(pool, Settings(), choose(PROBES, only=["clean"])).members[0].steps}
    options, reqmod = (steps[name].planned[0].messages[0].text.encode() for name in ("options", "clean"))
    return options, reqmod + b"%x\r\n%b\r\n0; ieof\r\n\r\n" % (len(CLEAN), CLEAN)


def _raise_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _epoll(port: int, requests: Sequence[tuple[bytes, bytes]], *, shared: bool) -> None:
    """Connect, OPTIONS, REQMOD, close; with ``shared`` on one connection, else on one each."""
    poll = select.epoll()
    left = list(reversed(range(len(requests))))
    open_ones: dict[int, tuple[socket.socket, int, int]] = {}

    def connect(index: int, step: int) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((address(index), port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        open_ones[sock.fileno()] = sock, index, step
        poll.register(sock, select.EPOLLOUT)

    while left or open_ones:
        while left and len(open_ones) < IN_FLIGHT:
            connect(left.pop(), 0)
        for number, event in poll.poll():
            sock, index, step = open_ones[number]
            if event & select.EPOLLOUT:
                sock.send(requests[index][step])
                poll.modify(number, select.EPOLLIN)
                continue
            data = sock.recv(65536)
            if not data.startswith(b"ICAP/1.0 20"):
                sys.exit(f"the server answered {data[:80]!r}")
            if step == 0 and shared:
                open_ones[number] = sock, index, 1
                sock.send(requests[index][1])
                continue
            poll.unregister(number)
            sock.close()
            del open_ones[number]
            if step == 0:
                connect(index, 1)


def engine(pool_path: Path, pace: float) -> Figures:
    """Our probes, all members at once but for the pace."""
    pool = load_pool(pool_path)
    probes = choose(PROBES, only=["clean"])

    async def run() -> bool:
        results = await probe_pool(pool, Settings(pace=pace), probes=probes)
        return all(found.status in {"ok", "skipped"} for found in results.observations)

    start = usage()
    fine = trio.run(run)
    end = usage()
    if not fine:
        sys.exit("some probe did not end well")
    return Figures(end[0] - start[0], end[1] - start[1], end[2], start[2])


def whole_command(pool_path: Path, folder: Path) -> Figures:
    arguments = ["check", str(pool_path), "--only", "clean", "-o", f"json={folder / 'r.json'}", "-o", "table"]
    command = [sys.executable, "-m", "icapdiag", *arguments]
    start = time.perf_counter()
    with (folder / "table.txt").open("w") as table:
        process = subprocess.Popen(command, stdout=table, env=_environment())
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"icapdiag ended with {process.returncode}")
    return Figures(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=5000)
    parser.add_argument("--delay", type=float, default=0.0, help="of the server, in ms")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two starts, for the engine alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    asked = parser.parse_args(arguments)
    child = "import json, pathlib, sys; from dataclasses import asdict; from tests.bench.bench_check import *; "
    show = "print(json.dumps(asdict({call})))"
    found: dict[str, list[Figures]] = {case: [] for case in asked.only}
    with tempfile.TemporaryDirectory() as name, serving(asked.delay) as port:
        folder = Path(name)
        pool = pool_file(folder / "pool.yaml", asked.members, port)
        for _ in range(asked.rounds):
            for case in asked.only:
                if case in {"floor", "same"}:
                    call = f"floor({asked.members}, {port}, shared={case == 'floor'})"
                    found[case].append(measured_child(child + show.format(call=call)))
                elif case == "engine":
                    call = f"engine(pathlib.Path({str(pool)!r}), {asked.pace})"
                    found[case].append(measured_child(child + show.format(call=call)))
                else:
                    found[case].append(whole_command(pool, folder))
    say(f"{asked.members} members, server delay {asked.delay:g} ms, median of {asked.rounds}")
    heads = ("case", "wall s", "CPU s", "us CPU/member", "peak MB", "kB/member", "x same")
    say(ROW.format(*heads))
    base = statistics.median(f.cpu for f in found["same"]) if "same" in found else None
    for case, figures in found.items():
        wall, cpu, peak, before = (statistics.median(column) for column in zip(*map(astuple, figures), strict=True))
        own = f"{(peak - before) * 1024 / asked.members:.1f}" if before else ""
        ratio = f"{cpu / base:.1f}" if base else ""
        say(
            ROW.format(case, f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / asked.members * 1e6:.0f}", f"{peak:.0f}", own, ratio)
        )


def say(line: str) -> None:
    sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
