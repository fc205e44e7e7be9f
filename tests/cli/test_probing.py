"""The options of ``icapdiag check`` that say what is sent, from outside."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from icapdiag.icap.samples import eicar
from tests.cli.run import icapdiag, served, shell


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pool file of a lab with one healthy member."""
    yield from served(tmp_path_factory.mktemp("lab") / "pool.yaml", "healthy")


@pytest.fixture(scope="module")
def healthy(lab: Path) -> str:
    """The URL of the member: unlike the pool file it asks for no EICAR."""
    line = next(line for line in lab.read_text().splitlines() if '"healthy"' in line)
    return f"icap://127.0.0.1:{line.partition('port: ')[2].partition(',')[0]}/avscan"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pool file of a lab whose member takes 0.8 s, where 0.4 s are slow."""
    yield from served(tmp_path_factory.mktemp("slow") / "pool.yaml", "slow")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A listener that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def report(*args: str) -> Any:
    status, out, _ = icapdiag("check", *args, "-o", "json")
    assert 0 == status
    return json.loads(out)


def ran(document: Any) -> list[str]:
    return [p["probe"] for p in document["members"][0]["probes"] if p["status"] == "ok"]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--depth", "quick"), ["tcp", "options"]),
        (("--only", "clean"), ["tcp", "options", "clean"]),
        (("--skip", "options", "--skip", "eicar"), ["tcp", "clean"]),
        (("--only", "eicar", "--eicar"), ["tcp", "options", "clean", "eicar"]),
        (("--only", "size", "--max-size", "1K"), ["tcp", "options", "clean", "size"]),
        (("--only", "size", "--max-size", "1K", "--eicar"), ["tcp", "options", "clean", "eicar", "size"]),
    ],
)
def test_which_probes_run(args: Sequence[str], expected: list[str], healthy: str) -> None:
    assert expected == ran(report(healthy, *args))


def test_what_was_left_out_is_said(healthy: str) -> None:
    document = report(healthy, "--depth", "quick")

    assert ["Left out, so their results are unknown: clean, eicar."] == document["notes"]
    assert {"not-asked"} == {p["reason"] for p in document["members"][0]["probes"] if p["probe"] in {"clean", "eicar"}}


def test_quick_sends_no_eicar_even_if_the_pool_asks_for_it(lab: Path) -> None:
    status, out, err = icapdiag("check", str(lab), "--depth", "quick", "-o", "json")

    assert (0, "") == (status, err)
    assert ["tcp", "options"] == ran(json.loads(out))


def test_the_probes_are_listed() -> None:
    status, out, err = icapdiag("check", "--list-probes")

    assert (0, "") == (status, err)
    assert ["dns", "tcp", "tls", "options", "clean", "eicar"] == [line.split()[0] for line in out.splitlines()][:6]
    assert re.search(r"^eicar +active +one REQMOD with the EICAR test virus", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--only", "eicr"), "did you mean 'eicar'"),
        (("--only", "eicar"), "add --eicar"),
        (("--skip", "tcp"), "--only"),
        (("--depth", "quick", "--eicar"), "leave the eicar probe out"),
        (("--depth", "quick", "--only", "tcp"), "--depth"),
        (("--depth", "deepest"), "standard"),
        (("--source", "host.example"), "not an IP address"),
        (("--interface", "a/b"), "not the name of an interface"),
        (("--resolver", "10.0.0.53:dns"), "ADDRESS:PORT"),
        (("-4", "-6"), "nothing to probe"),
        (("--rate", "0"), "above 0"),
        (("--max-size", "1M"), "--depth deep"),
        (("--only", "size", "--max-size", "51M"), "1 byte to 50M"),
        (("--only", "size", "--max-size", "0"), "1 byte to 50M"),
        (("--only", "size", "--max-size", "-1K"), "1 byte to 50M"),
        (("--only", "size", "--max-size", "1.5M"), "1 byte to 50M"),
        (("--count", "101"), "1<=x<=100"),
        (("--warn", "500", "--crit", "400"), "below --warn"),
        (("--only", "repeat"), "unknown probe 'repeat'"),
    ],
)
def test_wrong_usage(args: Sequence[str], words: str) -> None:
    status, out, err = icapdiag("check", "icap://127.0.0.1:9/x", *args)

    assert (2, "") == (status, out)
    assert words in err
    assert "Traceback" not in err


def test_a_plan_sends_nothing(silent: socket.socket) -> None:
    silent.setblocking(False)
    url = f"icap://127.0.0.1:{silent.getsockname()[1]}/avscan"

    status, out, err = icapdiag("check", url, "--eicar", "--plan")

    assert (0, "") == (status, err)
    assert "1 member to probe, 4 to 52 connections, 4 to 52 ICAP requests, " in out
    assert f"      | OPTIONS {url} ICAP/1.0\n" in out
    assert "body of 68 bytes, SHA-256 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f" in out
    assert eicar().decode() not in out
    with pytest.raises(BlockingIOError):
        silent.accept()


def test_a_plan_for_machines(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(
        "service_uri: /avscan\nmembers:\n"
        "  [icap.example.test, {host: 10.0.0.5, tls: {}}, {host: 10.0.0.6, enabled: false}]\n"
    )

    status, out, _ = icapdiag("check", "pool.yaml", "--plan", "-o", "json", cwd=tmp_path)

    document = json.loads(out)
    assert 0 == status
    assert {"members": 2, "connections": 4, "connections_at_most": 406, "requests": 4, "requests_at_most": 405} == {
        name: document["totals"][name]
        for name in ("members", "connections", "connections_at_most", "requests", "requests_at_most")
    }
    assert [8, 1, 1] == [member["addresses_at_most"] for member in document["members"]]
    probes = ["dns", "tcp", "tls", "options", "clean", "eicar", "eicar-form", "eicar-again"]
    probes += ["services", "variants", "respmod", "path"]
    assert probes == [p["probe"] for p in document["members"][1]["probes"]]
    assert "if the certificate is rejected" == document["members"][1]["probes"][2]["sent"][1]["condition"]
    assert [] == document["members"][2]["probes"]


def test_the_lab_has_a_plan_too() -> None:
    status, out, _ = icapdiag("check", "--lab", "--plan")

    assert 0 == status
    assert "\nhealthy\n" in out
    assert "disabled: disabled, nothing is sent" in out


def test_the_report_says_where_it_looked_from(healthy: str) -> None:
    vantage = report(healthy, "--source", "127.0.0.3", "--resolver", "127.0.0.1:5353")["vantage"]

    assert ("127.0.0.3", ["127.0.0.3"]) == (vantage["source_address"], vantage["source_addresses"])
    assert (["127.0.0.1:5353"], True) == (vantage["resolvers"], vantage["resolvers_given"])
    assert {"clock_synchronised", "clock_max_error_ms", "caveat"} <= vantage.keys()
    (interface,) = vantage["interfaces"]
    assert ("lo", ["127.0.0.3"]) == (interface["name"], interface["addresses"])


def test_a_source_that_this_host_does_not_have_is_not_the_servers_fault(healthy: str) -> None:
    status, out, _ = icapdiag("check", healthy, "--source", "203.0.113.77", "-o", "json")
    document = json.loads(out)

    assert (3, "unknown") == (status, document["verdict"])
    assert ["vantage-failure"] == [finding["id"] for finding in document["findings"]]
    tcp = document["members"][0]["probes"][1]
    assert ("error", "configuration") == (tcp["status"], tcp["reason"])
    assert "can't connect from 203.0.113.77: this host has no such address" == tcp["facts"]["error"]


def test_rounds(healthy: str) -> None:
    document = report(healthy, "--count", "3")

    (repeat,) = [p for p in document["members"][0]["probes"] if p["probe"] == "repeat"]
    assert [("tcp", 3, 0), ("options", 3, 0), ("clean", 3, 0)] == [
        (record["step"], record["sent"], record["lost"]) for record in repeat["facts"]["samples"]
    ]
    assert "0 (" not in icapdiag("check", healthy, "--count", "2")[1]


def test_a_low_limit_of_open_files_is_said(tmp_path: Path) -> None:
    members = ", ".join(f"{{host: 127.0.0.1, port: {port}}}" for port in range(1, 31))
    (tmp_path / "pool.yaml").write_text(f"service_uri: /avscan\nmembers: [{members}]\n")

    _, out, _ = shell("ulimit -n 80; $icapdiag check pool.yaml --depth quick -o json", cwd=tmp_path)

    document = json.loads(out)
    assert 30 == len(document["members"])
    assert "Only 16 members were probed at a time" in " ".join(document["notes"])
    assert [] == [p for m in document["members"] for p in m["probes"] if p["reason"] == "local-network"]


@pytest.mark.parametrize(
    ("args", "limits", "found"),
    [
        ((), (400, 3000), {"slow-member"}),
        (("--warn", "5000"), (5000, 3000), set()),
        (("--warn", "100", "--crit", "300"), (100, 300), {"slow-beyond-limit"}),
    ],
)
def test_what_is_slow_is_for_the_user_to_say(args: Sequence[str], limits: object, found: set[str], slow: Path) -> None:
    document = json.loads(icapdiag("check", str(slow), *args, "--skip", "eicar", "-o", "json")[1])

    assert limits == (document["subject"]["warn_ms"], document["subject"]["crit_ms"])
    assert found == {finding["id"] for finding in document["findings"]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [("1", 1), ("2000", 2000), ("1k", 1024), ("512K", 524288), ("1MiB", 1048576), ("3MB", 3145728)],
)
def test_sizes_are_bytes_or_kib_or_mib(given: str, expected: int, healthy: str) -> None:
    status, out, _ = icapdiag("check", healthy, "--only", "size", "--max-size", given, "--plan", "-o", "json")
    probes = json.loads(out)["members"][0]["probes"]
    sent = next(probe["sent"] for probe in probes if probe["probe"] == "size")

    assert (0, expected) == (status, max(m["body_bytes"] for planned in sent for m in planned["messages"]))


def test_a_plan_says_once_what_comes_many_times(healthy: str) -> None:
    _, out, _ = icapdiag("check", healthy, "--only", "size", "--max-size", "2K", "--plan")

    (line,) = [line for line in out.splitlines() if " times ICAP REQMOD" in line]
    assert "23 times ICAP REQMOD, this long at most, " in line
