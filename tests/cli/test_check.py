"""``icapdiag check`` from outside: pool in, report, exit status and streams out."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from icapdiag.cli.check.asked import with_sni
from icapdiag.pool import TLS, Member, Pool, Profile
from tests.cli.run import PROGRAM, TIMEOUT, environment, icapdiag, shell, started
from tests.report.readers import read_json


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pool file of a lab with a healthy and a failing member, served by a process of its own."""
    file = tmp_path_factory.mktemp("lab") / "pool.yaml"
    process = started("lab", "healthy", "500", "--pool-file", str(file))
    assert process.stdout is not None
    assert process.stderr is not None
    printed = [process.stdout.readline()]
    while b'"500"' not in printed[-1]:  # the last member
        printed.append(process.stdout.readline())
    assert b"".join(printed).decode() == file.read_text()
    assert b"Serving; stop with Ctrl-C.\n" == process.stderr.readline()
    yield file
    process.send_signal(signal.SIGINT)
    assert (b"", b"") == process.communicate(timeout=TIMEOUT)
    assert 130 == process.returncode


@pytest.fixture(scope="module")
def healthy(lab: Path) -> str:
    """The URL of the healthy member."""
    line = next(line for line in lab.read_text().splitlines() if '"healthy"' in line)
    return f"icap://127.0.0.1:{line.partition('port: ')[2].partition(',')[0]}/avscan"


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A listener that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def validated(text: str) -> Any:
    read_json(text)
    return json.loads(text)


def test_a_healthy_member_is_ok(healthy: str) -> None:
    status, out, err = icapdiag("check", healthy, "-o", "json")
    document = validated(out)
    assert (0, "") == (status, err)
    assert ("check", True, "ok", []) == tuple(document[key] for key in ("command", "complete", "verdict", "findings"))
    assert "127.0.0.1" == document["vantage"]["source_address"]
    assert "/avscan" == document["subject"]["service_uri"]
    assert ["tcp", "options", "clean"] == [p["probe"] for p in document["members"][0]["probes"] if p["status"] == "ok"]


def test_findings_end_in_1_whatever_the_format(lab: Path, tmp_path: Path) -> None:
    status, out, err = icapdiag("check", str(lab), "-o", "table", "-o", "json=r.json", cwd=tmp_path)
    document = validated((tmp_path / "r.json").read_text())
    assert 1 == status
    assert ["ok", "critical"] == [member["verdict"] for member in document["members"]]
    assert out.startswith(
        "CRITICAL  icapdiag-lab /avscan: 1 of 2 members fails open (if fail_action is Avi's default): ICAP"
    )
    assert "icapdiag runbooks show server-error" in out
    assert "sending the EICAR test virus" in err  # the lab's pool file asks for it
    assert 1 == len(err.splitlines())


def test_the_command_for_a_finding_s_runbook_works_as_printed(lab: Path) -> None:
    _, out, _ = icapdiag("check", str(lab), "-v")
    [command] = [line.partition("More   icapdiag ")[2] for line in out.splitlines() if "--member" in line]
    status, shown, err = icapdiag(*shlex.split(command))
    url = command.rpartition(" ")[2]
    assert (0, "") == (status, err)
    assert shown.startswith("# ICAP server answers with an error (5xx)\n")
    assert f"c-icap-client -i 127.0.0.1 -p {url.split(':')[2].partition('/')[0]} -s 'avscan'\n" in shown


def test_eicar_is_announced_and_can_be_traced(healthy: str) -> None:
    status, out, err = icapdiag("check", healthy, "--eicar", "-o", "json")
    document = validated(out)
    (correlation_id,) = {
        p["facts"]["correlation_id"] for p in document["members"][0]["probes"] if p["probe"] == "eicar"
    }
    assert 0 == status
    assert f"correlation id {correlation_id}" in err
    assert "127.0.0.1" in err
    assert [] != [note for note in document["notes"] if correlation_id in note]


def test_nothing_listens(tmp_path: Path) -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        status, out, _ = icapdiag("check", f"icap://127.0.0.1:{bound.getsockname()[1]}/avscan", "-o", "json")
    assert 1 == status
    assert ["tcp-refused"] == [finding["id"] for finding in validated(out)["findings"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_still_gives_the_report(number: signal.Signals, silent: socket.socket, healthy: str) -> None:
    url = f"icap://127.0.0.1:{silent.getsockname()[1]}/avscan"
    process = started("check", healthy, url, "-o", "json")
    connection, _ = silent.accept()
    assert connection.recv(8).startswith(b"OPTIONS")  # it waits for the answer now
    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT)
    connection.close()
    document = validated(out.decode())
    assert (130, b"") == (process.returncode, err)
    assert not document["complete"]
    assert "interrupted" in {probe["reason"] for probe in document["members"][1]["probes"]}
    assert "unknown" == document["members"][1]["verdict"]
    assert 0 == document["unmatched"]["count"]  # who interrupts a run met no failure
    assert [] != [note for note in document["notes"] if note.startswith("Interrupted")]


def test_the_deadline_holds(silent: socket.socket) -> None:
    url = f"icap://127.0.0.1:{silent.getsockname()[1]}/avscan"
    status, out, _ = icapdiag("check", url, "-o", "json", "--deadline", "0.5")
    document = validated(out)
    assert 1 == status
    assert ["no-response"] == [finding["id"] for finding in document["findings"]]
    assert 1400 > max(probe["elapsed_ms"] or 0 for probe in document["members"][0]["probes"])


def test_a_name_for_the_handshake_is_for_members_with_tls(silent: socket.socket) -> None:
    address = f"127.0.0.1:{silent.getsockname()[1]}/avscan"
    status, out, _ = icapdiag("check", f"icaps://{address}", "--sni", "icap.example.com", "--plan")
    assert (0, True) == (status, "handshake for icap.example.com" in out)
    for target, sni in ((f"icap://{address}", "icap.example.com"), (f"icaps://{address}", "two words"), ("--lab", "a")):
        status, _, err = icapdiag("check", target, "--sni", sni)
        assert (2, True) == (status, "--sni" in err or "--lab" in err)


@pytest.mark.parametrize(
    ("tls", "names"),
    [
        (TLS(), None),  # nothing else says a name
        (TLS(server_name="own.test"), ("own.test",)),
        (TLS(names=()), ()),  # Avi without host_check_enabled
        (TLS(names=(), sni=False), ()),
        (TLS(names=("domain.test",), server_name="own.test"), ("domain.test",)),
        (TLS(names=(), names_known=False, sni_known=False), ("sent.test",)),  # the client's Host, for both
    ],
)
def test_the_name_that_is_sent_is_expected_only_where_nothing_else_is(tls: TLS, names: tuple[str, ...] | None) -> None:
    pool = Pool(name="p", profile=Profile(service_uri="/a"), members=(Member(host="h", port=1, name="h", tls=tls),))
    asked = with_sni(pool, "sent.test").members[0].tls

    assert TLS(server_name="sent.test", names=names) == asked


MISTAKES = """\
service_uri: /avscan
members:
  - {host: 10.0.0.5, port: 99999}
  - {hots: 10.0.0.6}
"""


def test_mistakes_in_the_pool_are_all_told_and_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(MISTAKES)
    status, out, err = icapdiag("check", "pool.yaml", cwd=tmp_path)
    assert (2, "") == (status, out)
    assert "pool.yaml:3:" in err
    assert "pool.yaml:4:" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "--lab"),
        (("--lab", "pool.yaml"), "--lab"),
        (("--lab", "--service-uri", "/x"), "--lab"),
        (("a.yaml", "b.yaml"), "one pool file"),
        (("a.yaml", "icap://127.0.0.1/x"), "mixed"),
        (("icap://127.0.0.1/x", "--service-uri", "/y"), "--service-uri"),
        (("icap://127.0.0.1/x", "--profile", "p"), "--profile"),
        (("nowhere.yaml",), "nowhere.yaml"),
        (("10.0.0.5:1344",), "icap://10.0.0.5:1344/SERVICE"),
        (("icap://127.0.0.1:port/x",), "port"),
        (("http://127.0.0.1/x",), "icap://"),
        (("pool.yaml", "-o", "xml"), "xml"),
        (("pool.yaml", "-o", "json", "-o", "table"), "standard output"),
        (("pool.yaml", "-o", "json=no/such/folder/r.json"), "does not exist"),
        (("pool.yaml", "--timeout", "0"), "above 0"),
        (("pool.yaml", "--deadline", "nan"), "above 0"),
        (("pool.yaml", "--max-addresses", "65"), "65 is not in the range 1<=x<=64"),
        (("pool.yaml", "--connect-timeout", "inf"), "above 0"),
        (("pool.yaml", "--fail-on", "fatal"), "critical"),
        (("pool.yaml", "--runbooks", "nowhere"), "nowhere"),
        (("pool.yaml", "--service-uri", "/x\r\nEvil: 1"), "--service-uri"),
    ],
)
def test_wrong_usage(args: Sequence[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text("service_uri: /avscan\nmembers: [127.0.0.1]\n")
    status, out, err = icapdiag("check", *args, cwd=tmp_path)
    assert (2, "") == (status, out)
    assert words in err
    assert "Traceback" not in err


def test_a_mistake_in_a_runbook_costs_no_traffic(tmp_path: Path, silent: socket.socket) -> None:
    (tmp_path / "bad.md").write_text("no front matter")
    silent.setblocking(False)
    url = f"icap://127.0.0.1:{silent.getsockname()[1]}/avscan"
    status, out, err = icapdiag("check", url, "--runbooks", str(tmp_path))
    assert (2, "") == (status, out)
    assert "bad.md" in err
    with pytest.raises(BlockingIOError):
        silent.accept()


def test_an_output_that_fails_is_2_and_the_others_are_written(healthy: str, tmp_path: Path) -> None:
    args = ("check", healthy, "-o", "json=/dev/full", "-o", "table")
    status, out, err = icapdiag(*args, env={"TMPDIR": str(tmp_path)})
    assert 2 == status
    assert out.startswith(f"OK  {healthy.partition('://')[2].partition('/')[0]} /avscan: the member allows ")
    (saved,) = tmp_path.iterdir()
    assert "ok" == validated(saved.read_text())["verdict"]
    assert (
        "icapdiag: can't write /dev/full: No space left on device\n"
        f"icapdiag: the report was saved in {saved}: icapdiag report render {saved} writes it in any format\n"
    ) == err


def test_a_broken_stdout_does_not_cost_the_files(healthy: str, tmp_path: Path) -> None:
    for place, expected in ((">/dev/full", 2), (">&-", 2)):
        file = tmp_path / f"{len(place)}.json"
        status, _, err = shell(f"$icapdiag check $1 -o table -o json=$2 {place}", healthy, str(file))
        assert expected == status
        assert "can't write standard output" in err
        assert "ok" == validated(file.read_text())["verdict"]


def test_a_reader_that_went_away(healthy: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started("check", healthy, "-o", "table", "-o", f"json={tmp_path / 'r.json'}", stdout=writer)
    os.close(writer)
    assert b"" == process.communicate(timeout=TIMEOUT)[1]
    assert 141 == process.returncode
    assert "ok" == validated((tmp_path / "r.json").read_text())["verdict"]


def on_a_terminal(*args: str, **env: str) -> tuple[str, str]:
    """What a run puts on stdout and stderr when both are terminals."""
    ends = [pty.openpty() for _ in range(2)]
    with subprocess.Popen(
        [*PROGRAM, *args],
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=ends[0][1],
        stderr=ends[1][1],
    ):
        for _, slave in ends:
            os.close(slave)
        out, err = (drained(master) for master, _ in ends)
    return out, err


def drained(master: int) -> str:
    data = b""
    try:
        while chunk := os.read(master, 65536):
            data += chunk
    except OSError:  # EIO: nobody has the other end any more
        pass
    os.close(master)
    return data.decode()


@pytest.mark.parametrize(
    ("env", "colour"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)]
)
def test_colour_is_for_terminals_that_want_it(env: dict[str, str], colour: bool, healthy: str) -> None:
    out, _ = on_a_terminal("check", healthy, **env)
    assert colour == ("\x1b[32mOK\x1b[0m" in out)
    assert colour == ("\x1b" in out)


def test_progress_is_for_terminals_and_is_erased(silent: socket.socket) -> None:
    url = f"icap://127.0.0.1:{silent.getsockname()[1]}/avscan"
    out, err = on_a_terminal("check", url, "--deadline", "0.7")
    assert "0 of 1 members done, 1 in flight, 0.2 s" in err
    assert err.endswith("\r\x1b[K")
    assert "in flight" not in out
    assert "" == on_a_terminal("check", url, "--deadline", "0.7", TERM="dumb")[1]
