"""``icapdiag lab``: what it refuses. That it serves is shown by the tests of ``check``."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from icapdiag.lab import FAULTS
from tests.cli.run import icapdiag


def test_lists_its_faults() -> None:
    status, out, err = icapdiag("lab", "--list")
    assert (0, "") == (status, err)
    assert list(FAULTS) == [line.split()[0] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("no-such-fault",), "no such fault in the lab: no-such-fault"),
        (("healthy", "--host", "lab.example"), "lab.example"),
        (("healthy", "--host", "192.0.2.1"), "can't serve the lab on 192.0.2.1"),
        (("healthy", "--port", "0"), "--port"),
        (("healthy", "500", "--port", "65535"), "65535"),
        (("healthy", "--pool-file", "no/such/folder/pool.yaml"), "can't write no/such/folder/pool.yaml"),
    ],
)
def test_wrong_usage(args: Sequence[str], words: str, tmp_path: Path) -> None:
    status, out, err = icapdiag("lab", *args, cwd=tmp_path)
    assert (2, "") == (status, out)
    assert words in err
    assert "Traceback" not in err


def test_a_pool_file_of_the_users_own_stays(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text("pool: mine\n")
    status, out, err = icapdiag("lab", "healthy", "--pool-file", str(file))

    assert (2, "") == (status, out)
    assert "can't write" in err
    assert "--force" in err
    assert "pool: mine\n" == file.read_text()


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, out, err = icapdiag("lab", "healthy", "--port", str(taken.getsockname()[1]))
    assert (2, "") == (status, out)
    assert "Address already in use" in err
