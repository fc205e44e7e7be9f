"""How fast `explain` reads a capture, and in how much memory: uploads of 1 MB, or of another size.

    python -m tests.bench.bench_capture --megabytes 1000 --body 1000000 --peer

The file is made in a temporary folder. Prints MB/s of the whole process, of its CPU time, and its peak memory. The
floor is 100 MB/s for uploads of 1 MB on an idle machine; small uploads take a time each, about 0.7 ms. ``--peer``: the
same of tshark, which only counts the protocols that it finds.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.capture import writing
from tests.capture.writing import BEGIN, Line, Tape, ethernet, pcap, scan


def write(path: Path, megabytes: float, body: int) -> int:
    """A capture of uploads of ``body`` bytes; its size."""
    content = bytes(range(256)) * (body // 256 + 1)
    size, number = 0, 0
    with path.open("wb") as file:
        size += file.write(pcap([]))
        while size < megabytes * 1e6:
            line = Line(Tape(BEGIN + number * 1_000_000_000), source=20000 + number % 40000)
            scan(line.open(), content[:body], writing.ALLOWED)
            line.close()
            size += file.write(pcap([(time_, ethernet(packet)) for time_, packet in line.tape.packets])[24:])
            number += 1
    return size


def measure(name: str, size: int, argv: list[str]) -> None:
    """Run it and print its speed; its memory is right if it takes more than what ran before."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(f"{name}, {size / 1e6:.0f} MB: {size / 1e6 / took:.0f} MB/s, {size / 1e6 / cpu:.0f} MB/s of CPU time,"  # noqa: T201
          f" {after.ru_maxrss / 1024:.0f} MB of memory")  # fmt: skip


def main() -> None:
    """Write, read, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=200)
    parser.add_argument("--body", type=int, default=1_000_000)
    parser.add_argument("--peer", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "icap.pcap"
        size = write(path, asked.megabytes, asked.body)
        measure("icapdiag", size, [sys.executable, "-m", "icapdiag", "explain", str(path), "-q"])
        if asked.peer:
            measure("tshark", size, ["tshark", "-r", str(path), "-q", "-z", "io,phs"])


if __name__ == "__main__":
    main()
