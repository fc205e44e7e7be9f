"""Captures of real traffic: tcpdump beside checks of the lab, Squid, c-icap-client and openssl, then `explain`.

The first finding of a capture is that of the check that was captured; where it can't be, a table says why.
It needs root, or a kernel that lets anybody make a network namespace; elsewhere it is skipped.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from icapdiag.api.explaining import explain as explained
from icapdiag.capture.file import CaptureFile
from icapdiag.icap.samples import eicar
from icapdiag.lab import FAULTS
from icapdiag.logs.counting.filters import Filters
from tests.capture.writing import LINKS, pcap, pcapng
from tests.interop import c_icap
from tests.interop.capturing import NETWORK, Network, explain, first, outcomes
from tests.interop.clients import ICAPDIAG, Checked, check
from tests.interop.conftest import CIcap
from tests.interop.programs import Namespace, Programs, need
from tests.interop.scanners import SCANNER
from tests.interop.squid import Proxy, proxy

LAB, SCANS, NOBODY = 21000, 1345, 1999  # ports


class Otherwise(NamedTuple):
    """Where a capture is judged otherwise than the check in it: the first finding, and the first cause of it."""

    finding: str
    cause: str


# A check settles the cause of these by further requests, whose outcomes a capture has as those of requests like any.
# They are compared in `test_what_a_service_engine_sends`, without such requests.
SETTLED = {
    "small-preview": Otherwise("bad-request", "preview-or-allow"),
    "refuses-preview": Otherwise("bad-request", "preview-or-allow"),
    "refuses-allow": Otherwise("bad-request", "preview-or-allow"),
    "needs-user-agent": Otherwise("bad-request", "proxy-line"),
    "needs-content-length": Otherwise("unexpected-status", "length-required"),
    "response-path": Otherwise("method-not-allowed", "respmod-path"),
    "respmod-only": Otherwise("method-not-allowed", "respmod-path"),
    "waits-for-thread": Otherwise("connection-waits", "threads-busy"),
}
# TLS 1.3 encrypts the certificate, and the alert that says why it, or its absence, is not accepted.
ENCRYPTED = {
    "tls-expired": Otherwise("tls-handshake-failed", "certificate-rejected"),
    "tls-wrong-name": Otherwise("tls-handshake-failed", "certificate-rejected"),
    "tls-untrusted": Otherwise("tls-handshake-failed", "certificate-rejected"),
    "tls-client-certificate": Otherwise("tls-handshake-failed", "client-certificate"),
}
# A check that gets no TLS handshake tries ICAP in clear, too, and that gets no answer here.
IN_CLEAR = {"tls-on-plain-port": Otherwise("no-response", "service-hangs")}
OTHERWISE = SETTLED | ENCRYPTED | IN_CLEAR


@pytest.fixture(scope="module")
def network(programs: Programs, known_eicar: None) -> Iterator[Network]:
    need("nft")
    need("tcpdump")
    made = programs.network("captured", NETWORK)
    if made is None:
        pytest.skip("no network namespace can be made here")
    keeper, inside = made
    pool = programs.folder / "captured-lab.yaml"
    argv = [*ICAPDIAG, "lab", "--port", str(LAB), "--pool-file", str(pool)]
    lab = programs.start("captured-lab", argv, socket_file=pool, namespace=inside)
    scanner = c_icap.start(programs, "captured-c-icap", [("127.0.0.1", SCANS)], SCANNER, namespace=inside)
    yield Network(programs, inside, pool)
    programs.stop(lab, scanner, keeper)


@pytest.fixture(scope="module")
def lab(network: Network) -> tuple[Checked, Path, Mapping[str, Any]]:
    """A check of the whole lab, its capture, and what that says."""
    checked, file = network.check(str(network.pool), "--eicar")
    return checked, file, explain(file, "--pool", str(network.pool))


@pytest.mark.parametrize("fault", [each for each in FAULTS if FAULTS[each].depth != "deep" and each not in SETTLED])
def test_the_first_finding_of_a_fault(fault: str, lab: tuple[Checked, Path, Mapping[str, Any]]) -> None:
    checked, _, report = lab
    expected = OTHERWISE[fault].finding if fault in OTHERWISE else first(checked.report).get(fault)

    assert expected == first(report).get(fault)


@pytest.fixture(scope="module")
def plain(network: Network) -> tuple[Checked, Path]:
    """A check that sends OPTIONS and an upload, as a Service Engine does, and no other form of them."""
    pool = network.programs.folder / "plain.yaml"
    lines = network.pool.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("  - ") or any(f'"{each}"' in line for each in OTHERWISE)]
    pool.write_text("".join(kept))
    return network.check(str(pool), "--only", "options", "--only", "clean")


@pytest.mark.parametrize("fault", OTHERWISE)
def test_what_a_service_engine_sends(fault: str, plain: tuple[Checked, Path], network: Network) -> None:
    """The first finding is that of the check, unless it is encrypted; and the first cause is right."""
    checked, file = plain
    filters = Filters(member=fault, pool=str(network.programs.folder / "plain.yaml"))
    problem = (explained([file], filters=filters).problems or (None,))[0]
    expected = ENCRYPTED[fault].finding if fault in ENCRYPTED else first(checked.report).get(fault)

    assert problem is not None
    assert expected == problem.finding
    if fault not in IN_CLEAR:
        assert OTHERWISE[fault].cause == (problem.causes or ())[0].id


ROWS: Mapping[str, tuple[str, tuple[str, ...], str, str]] = {  # service, options, filter, finding
    "refused": (f"{NOBODY}/avscan", (), "", "tcp-refused"),
    "no answer to SYN": (f"{SCANS}/avscan", ("--connect-timeout", "4"), f"tcp dport {SCANS} drop", "tcp-timeout"),
    "long packets are lost": (
        f"{LAB}/avscan", ("--only", "size", "--timeout", "2"), f"tcp dport {LAB} meta length > 1400 drop",
        "mtu-black-hole",
    ),
    "healthy": (f"{SCANS}/avscan", ("--eicar",), "", ""),
    "no such service": (f"{SCANS}/nothing", (), "", "service-not-found"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_the_first_finding_of_a_path(row: str, network: Network) -> None:
    place, options, rules, expected = ROWS[row]
    checked, file = network.check(f"icap://127.0.0.1:{place}", *options, rules=rules)
    pool = network.programs.folder / "one.yaml"
    pool.write_text(f"service_uri: /avscan\nmembers: ['127.0.0.1:{place.partition('/')[0]}']\n")
    report = explain(file, "--pool", str(pool))

    assert expected == next(iter(first(checked.report).values()), "")
    assert expected == next(iter(first(report).values()), "")


def test_lost_packets_are_seen(network: Network) -> None:
    rules = f"tcp dport {SCANS} meta length > 100 numgen inc mod 2 0 drop"  # the first copy of each segment with data
    _, file = network.check(f"icap://127.0.0.1:{SCANS}/avscan", "--count", "3", "--timeout", "20", rules=rules)
    found = next(each["facts"] for each in explain(file)["members"][0]["probes"] if each["probe"] == "path")

    assert found["segments_lost"] >= 2
    assert found["loss_percent"] >= 1


def test_c_icap_client(network: Network) -> None:
    client = [need("c-icap-client"), "-i", "127.0.0.1", "-p", str(SCANS), "-s", "avscan"]
    with network.capturing() as file:
        network.run(*client)
        for body in (b"hello, clean world\n" * 500, eicar()):
            descriptor = os.memfd_create("body")
            try:
                os.write(descriptor, body)
                network.run(*client, "-f", f"/proc/self/fd/{descriptor}", fds=(descriptor,))
            finally:
                os.close(descriptor)
    name, report = f"127.0.0.1:{SCANS}", explain(file)
    expected = {
        (name, "options", "ok", 200, None),
        (name, "upload", "ok", 204, "allowed"),
        (name, "eicar", "ok", 200, "blocked"),
    }

    assert expected == set(outcomes(report))
    assert {*first(report).values()} <= {"eicar-test"}


def status_of(squid: Proxy, body: bytes) -> int:
    """Of an upload; the page of c-icap that comes with it is cut off, which http.client does not bear."""
    connection = HTTPConnection("127.0.0.1", squid.port, timeout=30)
    try:
        connection.request("POST", f"{squid.origin}/upload", body)
        return connection.getresponse().status
    finally:
        connection.close()


def test_squid(programs: Programs, cicap: CIcap) -> None:
    """A real client with a client side of its own: what its users got is joined with the scans."""
    with proxy(programs, f"icap://127.0.0.1:{cicap.plain}/avscan", name="captured-squid") as squid:
        plain = Network(programs, Namespace(), programs.folder)
        with plain.capturing(f"port {squid.port} or port {cicap.plain}", name="squid") as file:
            got = [status_of(squid, body) for body in (b"hello" * 3000, eicar(), b"hello")]
    report = explain(file)
    name = f"127.0.0.1:{cicap.plain}"

    assert [200, 403, 200] == got
    assert {(name, "upload", "ok", 204, "allowed"), (name, "eicar", "ok", 200, "blocked")} <= set(outcomes(report))
    facts = next(each["facts"] for each in report["members"][0]["probes"] if each["probe"] == "capture")
    assert {"200": 2, "403": 1} == {each["value"]: each["requests"] for each in facts["client_answers"]}
    assert facts["options_requests"] >= 1
    assert facts["connections_reused"] >= 1


def test_ipv6(network: Network) -> None:
    pool = network.programs.folder / "captured-lab-6.yaml"
    argv = [*ICAPDIAG, "lab", "healthy", "404", "--host", "::1", "--port", "22000", "--pool-file", str(pool)]
    lab = network.programs.start("captured-lab-6", argv, socket_file=pool, namespace=network.namespace)
    try:
        urls = ("icap://[::1]:22000/avscan", "icap://[::1]:22001/avscan")
        checked, file = network.check(*urls)
    finally:
        network.programs.stop(lab)

    assert {"[::1]:22001": "service-not-found"} == first(checked.report) == first(explain(file))


@pytest.mark.parametrize(
    ("fault", "version", "expected"),
    [
        ("tls-expired", "-tls1_2", "tls-certificate-expired"),
        ("tls-untrusted", "-tls1_2", "tls-certificate-untrusted"),
    ],
)
def test_tls(fault: str, version: str, expected: str, network: Network) -> None:
    text = network.pool.read_text()
    port = re.search(rf'port: (\d+), name: "{fault}"', text)
    ca = re.search(r'ca_file: "([^"]+)"', text)
    assert port is not None
    assert ca is not None
    pool = network.programs.folder / "tls.yaml"
    pool.write_text(f"service_uri: /avscan\nmembers: [{{host: 127.0.0.1, port: {port[1]}, tls: {{}}}}]\n")
    trusted = ["-CAfile", ca[1]] if fault == "tls-expired" else ["-no-CAfile", "-no-CApath"]
    argv = [need("openssl"), "s_client", "-connect", f"127.0.0.1:{port[1]}", version, "-verify_return_error",
            "-servername", "icap.example.test", *trusted]  # fmt: skip
    with network.capturing() as file:
        network.run(*argv, check=False)
    report = explain(file, "--pool", str(pool))
    facts = next(each["facts"] for each in report["members"][0]["probes"] if each["probe"] == "tls")

    assert [expected] == [*first(report).values()]
    assert "icap.example.test" == facts["server_name"]
    assert "cert_not_after" in facts


def test_decrypted_with_tshark(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the report and docs/captures.md say: keys in a file, or in the capture."""
    folder = network.programs.folder
    keys, clear = folder / "keys.log", folder / "clear.pcapng"
    text = network.pool.read_text()
    port = re.search(r'port: (\d+), name: "tls-healthy"', text)
    ca = re.search(r'ca_file: "([^"]+)"', text)
    assert port is not None
    assert ca is not None
    pool = folder / "tls-healthy.yaml"
    pool.write_text(
        f"service_uri: /avscan\nmembers: [{{host: 127.0.0.1, port: {port[1]}, tls: {{ca_file: {ca[1]}}}}}]\n"
    )
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    checked, file = network.check(str(pool), "--eicar")
    said = next(each for each in explain(file, "--pool", str(pool))["notes"] if "tshark" in each)
    command = re.search(r"(tshark -r icap.pcap .*? -w clear.pcapng)", said)
    assert command is not None
    tshark = shlex.split(command[1])
    assert {} == first(checked.report)

    for with_keys in (True, False):
        captured = file
        if not with_keys:
            captured = folder / "keyed.pcapng"
            network.run(need("editcap"), "--inject-secrets", f"tls,{keys}", str(file), str(captured))
            tshark = [word for word in tshark if word not in {"-o", "tls.keylog_file:keys.log"}]
        places = {
            "icap.pcap": str(captured),
            "clear.pcapng": str(clear),
            "tls.keylog_file:keys.log": f"tls.keylog_file:{keys}",
        }
        network.run(need("tshark"), *(places.get(word, word) for word in tshark[1:]))
        name = f"127.0.0.1:{port[1]}"
        assert {
            (name, "options", "ok", 200, None), (name, "clean", "ok", 204, "allowed"),
            (name, "eicar", "ok", 200, "blocked"),
        } == set(outcomes(explain(clear)))  # fmt: skip
        clear.unlink()


def test_tshark_sees_the_same_statuses(lab: tuple[Checked, Path, Mapping[str, Any]]) -> None:
    """Its reassembly, and ICAP's status lines in what servers sent."""
    _, file, report = lab
    tshark = need("tshark")
    fields = subprocess.run(
        [tshark, "-r", str(file), "-Y", "tcp.flags.syn==1 && tcp.flags.ack==0", "-T", "fields", "-e", "tcp.stream"],
        capture_output=True, text=True, check=True, timeout=90,
    )  # fmt: skip
    streams = sorted({int(each) for each in fields.stdout.split()})
    follow = [word for each in streams for word in ("-z", f"follow,tcp,raw,{each}")]
    text = subprocess.run(
        [tshark, "-r", str(file), "-q", *follow], capture_output=True, text=True, check=True, timeout=110
    ).stdout
    theirs = Counter[int]()
    for conversation in re.split(r"^=+$", text, flags=re.MULTILINE):
        sent = bytes.fromhex(
            "".join(line[1:] for line in conversation.splitlines() if re.fullmatch(r"\t[0-9a-f]+", line))
        )
        theirs.update(int(status) for status in re.findall(rb"(?:^|\n|\r)ICAP/1\.0 (\d{3})", sent) if status != b"100")
    ours = Counter[int]()
    for member in report["members"]:
        for each in member["probes"]:
            if each["probe"] != "capture" and (status := each["facts"].get("icap_status")) not in {None, 100}:
                ours[status] += each["facts"]["count"]

    assert len(streams) > 100
    assert theirs == ours


def reframed(file: Path) -> Callable[[str, Callable[[list[tuple[int, bytes]], int], bytes]], bytes]:
    """The packets of a capture of Ethernet, written anew behind another link layer and in another format."""
    with file.open("rb") as stream:
        packets = [(each.time or 0, each.data[14:]) for each in CaptureFile(stream.read).packets()]

    def write(link: str, form: Callable[[list[tuple[int, bytes]], int], bytes]) -> bytes:
        number, wrap = LINKS[link]
        return form([(time, wrap(packet)) for time, packet in packets], number)

    return write


@pytest.mark.realcases  # tests/capture reads every link layer in every run
@pytest.mark.parametrize(("link", "form"), [*((link, pcap) for link in LINKS), ("Ethernet", pcapng), ("VLAN", pcapng)])
def test_other_link_layers_and_formats(
    link: str, form: Callable[[list[tuple[int, bytes]], int], bytes], network: Network, tmp_path: Path
) -> None:
    if "one" not in network.made:
        with network.capturing() as network.made["one"]:
            for service in ("avscan", "nothing"):
                check(f"icap://127.0.0.1:{SCANS}/{service}", namespace=network.namespace)
        network.made["said"] = outcomes(explain(network.made["one"]))
    (tmp_path / "other.pcap").write_bytes(reframed(network.made["one"])(link, form))

    assert network.made["said"] == outcomes(explain(tmp_path / "other.pcap"))
    assert len(network.made["said"]) >= 3
