"""What a site fills in is in nothing that leaves: 50 canaries and more, end to end."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from icapdiag.report.formats import FORMATS, OUTPUTS, TICKETS
from tests.cli.run import icapdiag
from tests.e2e.canaries import Canaries, Site, served

HIDDEN_ADDRESSES = ("10.66.77.88", "10.66.77.89", "10.55.1.2", "10.55.1.3")


class Made:
    """A report of the run as it is, its key, and every file that is meant to leave."""

    def __init__(self, canaries: Canaries, saved: Path, key: Path, files: dict[str, bytes], arriving: int) -> None:
        self.canaries = canaries
        self.saved = saved
        self.key = key
        self.files = files
        self.arriving = arriving


def outputs(folder: Path) -> list[str]:
    """Every format into a file."""
    return [
        *(word for name in OUTPUTS for word in ("-o", f"{name}={folder / name}")),
        *(word for name in TICKETS for word in ("--for", f"{name}={folder / name}")),
    ]


def bundled(saved: Path, target: Path, key: Path) -> dict[str, bytes]:
    """What is in the bundle, by name, and the archive itself."""
    status, out, err = icapdiag("report", "bundle", str(saved), "-o", str(target), "--pseudonyms", str(key))
    assert (0, "") == (status, out), err
    with zipfile.ZipFile(target) as archive:
        return {f"bundle: {name}": archive.read(name) for name in archive.namelist()} | {"zip": target.read_bytes()}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """From `check`."""
    folder = tmp_path_factory.mktemp("check")
    site = Site(folder)
    saved, key, leaving = folder / "saved.json", folder / "key.json", folder / "leaving"
    leaving.mkdir()
    with served(site) as (address, port):
        asked = (
            "check",
            str(site.pool),
            "--resolver",
            f"{address}:{port}",
            "--eicar",
            "--transcript",
            "--timeout",
            "3",
        )
        icapdiag(*asked, "-o", f"json={saved}")
        icapdiag(*asked, "--redact", "--pseudonyms", str(key), *outputs(leaving))
    files = {file.name: file.read_bytes() for file in leaving.iterdir()}
    return Made(site.canaries, saved, key, files | bundled(saved, folder / "b.zip", key), 50)


def log_of(at: Any) -> dict[str, Any]:
    """An entry of Avi's log with a canary in every text of it."""
    request = {
        "action": "ICAP_BLOCKED",
        "icap_response_code": 200,
        "icap_method": "ICAP_METHOD_REQMOD",
        "icap_absolute_uri": f"icap://{at('ICAP host')}.corp:1344/{at('ICAP path')}?u={at('ICAP query')}",
        "icap_server_ip": "10.55.1.2",
        "icap_server_port": 1344,
        "pool_name": {"val": f"{at('ICAP pool')} pool"},
        "server_name": at("server_name"),
        "icap_headers_sent_to_server": f"Host: {at('Host sent')}.corp\r\nX-Client-IP: 10.55.1.3\r\n"
        f"X-Authenticated-User: {at('user sent')}\r\nX-{at('header sent')}: {at('value sent')}\r\n",
        "icap_headers_received_from_server": f"ICAP/1.0 200 OK\r\nServer: {at('Server received')}\r\n"
        f"ISTag: {at('ISTag received')}\r\nX-Response-Desc: {at('description received')}\r\n"
        f"X-{at('header received')}: {at('value received')}\r\nSet-Cookie: a={at('cookie received')}\r\n",
        "reason": f"{at('reason')} was found",
        "threat_id": at("threat id"),
        "vendor": "ICAP_VENDOR_OPSWAT",
        "opswat_log": {
            "reason": at("OPSWAT reason"),
            "threat_id": at("OPSWAT threat"),
            "violations": [
                {"file_name": f"{at('file')}.exe", "threat_name": at("threat name"), "resolution": at("resolution")}
            ],
        },
    }
    return {
        "report_timestamp": "2026-03-02T10:00:00.000000+00:00",
        "vs_name": at("virtual service"),
        "service_engine": at("Service Engine"),
        "tenant_name": at("tenant of the log"),
        "client_ip": "10.55.1.3",
        "host": f"{at('host')}.corp",
        "uri_path": f"/{at('path')}",
        "uri_query": f"q={at('query')}",
        "user_agent": f"{at('user agent')}/1.0",
        "user_id": at("user"),
        "referer": f"https://{at('referer')}.corp/",
        "all_request_headers": json.dumps({"Cookie": at("cookie"), "X-Token": at("token of a header")}),
        "request_id": at("request id"),
        "pool_name": at("pool of the application"),
        "significance": f"Server {at('significance')} said no",
        "significant_log": ["ADF_ICAP_SERVER_ERROR", at("significant log")],
        "adf": True,
        "response_code": 403,
        at("name of a field"): 1,
        "icap_log": {"action": "ICAP_BLOCKED", "request_logs": [request]},
    }


def pasted(at: Any) -> str:
    """A raw answer of a server."""
    head = f"HTTP/1.1 403 Forbidden\r\nServer: {at('HTTP Server')}\r\nLocation: http://{at('redirect')}.corp/\r\n\r\n"
    body = f"Dear {at('addressee')}, {at('file in the body')}.pdf is infected"
    return (
        f"ICAP/1.0 200 OK\r\nServer: {at('Server')}\r\nISTag: {at('ISTag')}\r\nX-Virus-ID: {at('virus')}\r\n"
        f"X-Infection-Found: Type=0; Resolution=2; Threat={at('threat')};\r\nX-{at('header')}: {at('value')}\r\n"
        f"X-Response-Desc: {at('description')}\r\nX-Authenticated-User: {at('user')}\r\n"
        f"Encapsulated: res-hdr=0, res-body={len(head)}\r\n\r\n{head}{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    )


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """From `explain`: a log, a damaged one, and a pasted answer."""
    canaries = Canaries()
    folder = tmp_path_factory.mktemp("explain")
    inner = folder / canaries.at("folder of the log")
    inner.mkdir()
    log, damaged, answer = (inner / f"{canaries.at(f'file of the {what}')}.txt" for what in ("log", "damage", "answer"))
    log.write_text(json.dumps(log_of(lambda place: canaries.at(f"log: {place}"))))
    whole = json.dumps(log_of(lambda place: canaries.at(f"damaged: {place}")))
    damaged.write_text(f"{whole[:-40]}\n{canaries.at('garbage')} {{ ,, {whole[200:900]}\n")
    answer.write_bytes(pasted(lambda place: canaries.at(f"answer: {place}")).encode())
    saved, key, leaving = folder / "saved.json", folder / "key.json", folder / "leaving"
    leaving.mkdir()
    asked = ("explain", str(log), str(damaged), str(answer))
    icapdiag(*asked, "-o", f"json={saved}")
    icapdiag(*asked, "--redact", "--pseudonyms", str(key), *outputs(leaving))
    files = {file.name: file.read_bytes() for file in leaving.iterdir()}
    return Made(canaries, saved, key, files | bundled(saved, folder / "b.zip", key), 30)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """From `explain` of what the script printed on two Service Engines, of which one does not reach a server."""
    folder = tmp_path_factory.mktemp("script")
    site = Site(folder)
    at = site.canaries.at
    saved, key, leaving = folder / "saved.json", folder / "key.json", folder / "leaving"
    leaving.mkdir()
    printed = [site.folder / f"{at(f'output {number}')}.txt" for number in (1, 2)]
    with served(site):
        pool = site.folder / f"{at('pool file with addresses')}.yaml"
        pool.write_text(site.pool.read_text("utf-8").replace(site.host, "127.0.0.1"), "utf-8")
        status, script, err = icapdiag("se-script", str(pool), "--eicar", "--timeout", "3")
        assert (0, "") == (status, err)
        port = re.search(r"icapdiag_port=(\d+)", script)
        assert port
        cut_off = script.replace(port[0], "icapdiag_port=9")
        for file, text, number in zip(printed, (script, cut_off), (1, 2), strict=True):
            environment = {"PATH": "/usr/bin:/bin", "HOSTNAME": f"{at(f'Service Engine {number}')}.corp"}
            done = subprocess.run(["bash", "-s"], input=text.encode(), capture_output=True, env=environment, check=True)
            file.write_bytes(done.stdout)
    asked = ("explain", *map(str, printed))
    icapdiag(*asked, "-o", f"json={saved}")
    icapdiag(*asked, "--redact", "--pseudonyms", str(key), *outputs(leaving))
    assert "fails-from-one-engine" in {each["id"] for each in json.loads(saved.read_bytes())["findings"]}
    files = {file.name: file.read_bytes() for file in leaving.iterdir()}
    return Made(site.canaries, saved, key, files | bundled(saved, folder / "b.zip", key), 40)


@pytest.fixture(params=["checked", "explained", "scripted"])
def made(request: pytest.FixtureRequest) -> Made:
    found: Made = request.getfixturevalue(request.param)
    return found


def test_they_come_through_where_nothing_is_redacted(made: Made) -> None:
    """Else the other tests here would show nothing."""
    arrived = set(made.canaries.found_in(made.saved.read_bytes()))
    lost = sorted(set(made.canaries.planted) - arrived)

    assert len(made.canaries.planted) >= 50
    assert len(arrived) >= made.arriving, lost  # the others stand where nobody reads


def test_none_of_them_is_in_what_leaves(made: Made) -> None:
    leaks = {name: found for name, data in made.files.items() if (found := made.canaries.found_in(data))}

    assert {} == leaks
    assert set(FORMATS) <= set(made.files)


def test_no_address_is_in_what_leaves(made: Made) -> None:
    texts = {name: data.decode("utf-8", "replace") for name, data in made.files.items()}

    assert {} == {name: address for name, text in texts.items() for address in HIDDEN_ADDRESSES if address in text}


def test_the_bundle_and_the_outputs_have_the_same_pseudonyms(made: Made) -> None:
    """They are of two runs of the same."""
    whole, other = (json.loads(made.files[name]) for name in ("json", "bundle: report.json"))

    assert [each["name"] for each in whole["members"]] == [each["name"] for each in other["members"]]
    assert whole["subject"] == other["subject"]
    assert [each["members"] for each in whole["findings"]] == [each["members"] for each in other["findings"]]


def test_the_key_is_not_in_the_bundle(made: Made) -> None:
    assert [] == [name for name in made.files if "pseudonym" in name or "key" in name]
    assert b"pseudonyms" in made.key.read_bytes()


def test_the_transcripts_tell_and_hide(checked: Made) -> None:
    texts = {name: data.decode() for name, data in checked.files.items() if name.startswith("bundle: transcripts/")}

    assert {"tcp.txt", "tls.txt", "options.txt", "clean.txt", "eicar.txt", "dns.txt"} <= {
        name.rpartition("/")[2] for name in texts
    }
    answered = [text for text in texts.values() if "|ICAP/1.0 200 OK" in text]
    assert len(answered) >= 2
    assert any("and 71 bytes of the body, in chunks, SHA-256 " in text for text in answered)
