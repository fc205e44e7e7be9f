"""The session: nothing is sent to the wrong place, and no secret gets anywhere else."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from icapdiag.controller.address import Address, ControllerError, parse_address, trusted
from icapdiag.controller.credentials import (
    PASSWORD,
    TOKEN,
    NoCredentials,
    Secret,
    hide,
    hide_in_data,
    take_secret,
)
from icapdiag.controller.pulling import Puller
from icapdiag.controller.session import NoAnswer, Session, Stopped
from tests.controller import pulls
from tests.controller.simulated.controller import Certificate, Controller
from tests.controller.simulated.faults import Fault
from tests.controller.simulated.truth import Truth

TRUTH = Truth(200)
_SAID = {
    "expired": r"is out of date \(certificate has expired\): renew it on the Controller, or set this host's clock",
    "wrong-name": r"is not for this name \(IP address mismatch, certificate is not valid for '127\.0\.0\.1'\)",
    "untrusted": r"can't be verified \(unable to get local issuer certificate\)",
    "plain HTTP": r"does not speak TLS: check the port",
}

_NO_ADDRESSES = ("", "a b", "x/y", "u@x", "u:p@x", "x:port", "ftp://x", "x:99999", "x?y")


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with Controller.serving(tmp_path, TRUTH) as found:
        yield found


@contextmanager
def opened(controller: Controller, secret: Secret | None = None) -> Iterator[Session]:
    """A session that is logged in, and out at the end."""
    session = pulls.session(controller, secret)
    session.login()
    try:
        yield session
    finally:
        session.logout()


@pytest.mark.parametrize("certificate", _SAID)
def test_the_wrong_peer_gets_no_credentials(tmp_path: Path, certificate: Certificate) -> None:
    with Controller.serving(tmp_path, TRUTH, certificate=certificate) as controller:
        trust = True if certificate == "plain HTTP" else trusted(controller.ca_file)
        asked = Session(
            parse_address(controller.address),
            "auditor",
            Secret("password", "hunter2hunter2"),
            tenant="admin",
            trust=trust,
        )
        with pytest.raises(ControllerError, match=_SAID[certificate]) as caught:
            asked.login()
        assert "No credentials were sent" in str(caught.value)
        assert [] == controller.requests
        assert controller.server is not None
        assert b"hunter2" not in b"".join(controller.server.plain)


def test_a_peer_that_hangs_up_in_the_handshake_is_said_in_plain_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            listening.accept()[0].close()

        hangs_up = threading.Thread(target=hang_up)
        hangs_up.start()
        address = parse_address(f"127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(NoAnswer, match=r"^(the connection was closed|Connection reset by peer)$"):
            Session(address, "auditor", Secret("password", "x"), tenant="admin", trust=True).login()
        hangs_up.join()


def test_the_environment_has_no_say(controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests would take another CA, a proxy, and credentials for this host, from it: also after the login."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    for bundle in (tmp_path / "none.pem", controller.ca_file):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        with opened(controller) as session:
            assert 200 == session.get("pool", {}).status
        assert all("authorization" not in each.headers for each in controller.requests)
        seen = len(controller.requests)
        other = Session(
            parse_address(controller.address), "auditor", Secret("password", "x"), tenant="admin", trust=trusted(None)
        )
        with pytest.raises(ControllerError, match="can't be verified"):
            other.login()
        assert seen == len(controller.requests)


def test_each_request_is_verified_not_just_the_login(controller: Controller, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with (
        opened(controller) as session,
        Controller.serving(tmp_path / "other", TRUTH, certificate="untrusted") as other,
    ):
        session._session.prefix = f"https://{other.address}"
        with pytest.raises(ControllerError, match="can't be verified"):
            session.get("pool", {})
        assert [] == other.requests
        session._session.prefix = f"https://{controller.address}"


@pytest.mark.parametrize("status", [302, 307])
def test_no_redirect_is_followed(controller: Controller, tmp_path: Path, status: int) -> None:
    (tmp_path / "other").mkdir()
    with Controller.serving(tmp_path / "other", TRUTH) as other:
        headers = {"Location": f"https://{other.address}/login"}
        controller.faults.add(Fault("/login", method="POST", status=status, headers=headers))
        with pytest.raises(
            ControllerError, match=rf"did not answer the login as an Avi Controller does \(status {status}"
        ):
            pulls.session(controller).login()
        controller.faults.add(Fault("pool", status=status, headers={"Location": f"https://{other.address}/api/pool"}))
        with opened(controller) as session:
            assert status == session.get("pool", {}).status
        assert [] == other.requests


def test_a_refused_login_says_what_to_check(controller: Controller) -> None:
    with pytest.raises(ControllerError, match=r"refused the login of auditor \(401\): check the user and the password"):
        pulls.session(controller, Secret("password", "wrong-one")).login()
    with pytest.raises(ControllerError, match=r"check the user and the token$"):
        pulls.session(controller, Secret("token", "wrong-one")).login()
    with opened(controller, Secret("token", "token-0001")):
        assert 3 == len(controller.requests)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1]", b'{"version": {}}', b"[" * 100_000])
def test_another_web_server_is_not_taken_for_a_controller(controller: Controller, body: bytes) -> None:
    controller.faults.add(Fault("/login", method="POST", status=200, body=body))
    with pytest.raises(ControllerError, match="did not answer the login as an Avi Controller does"):
        pulls.session(controller).login()


def test_an_answer_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with Controller.serving(tmp_path, TRUTH) as controller, opened(controller) as session:
        session._deadline = 0.3
        controller.faults.add(Fault("pool", delay=5.0))
        with pytest.raises(NoAnswer, match="no complete answer in time"):
            session.get("pool", {})
        session._deadline, session._stop = 20.0, lambda: True
        with pytest.raises(Stopped):
            session.get("pool", {})
    for thread in threading.enumerate():  # it waits for what was given up
        if thread.name == f"asks {controller.address}":
            thread.join(10)
            assert not thread.is_alive()


def test_a_secret_that_a_server_repeats_is_nowhere(
    controller: Controller, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = 's3cret& "wörd'
    controller.sessions.password = planted
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"error": f"you said {planted}, s3cret%26%20%22w%C3%B6rd, s3cret%26+%22w%C3%B6rd"}).encode()
    said = []
    for status in (401, 500):
        controller.faults.add(Fault("/login", method="POST", status=status, body=echo))
        with pytest.raises(ControllerError) as caught:
            pulls.session(controller, Secret("password", planted)).login()
        said.append("".join(traceback.format_exception(caught.value)))
    controller.faults.add(Fault("sslprofile", status=500, body=echo))
    controller.echo = True
    session = pulls.session(controller, Secret("password", planted))
    folder = tmp_path / "pulled"
    Puller(folder, pulls.wanted(controller)).pull(session, pulls.Clock().pace())
    assert "you said [hidden], [hidden], [hidden]" in (folder / "pull.json").read_text()
    for name in ("config.json", "metrics.json"):
        assert '"echo": "[hidden] [hidden] [hidden]' in (folder / name).read_text(), name
    with opened(controller, Secret("password", planted)) as again:
        cookies = [cookie.value for cookie in again._session.cookies]
        assert "[hidden] and [hidden]" == again.hide(f"{cookies[0]} and {cookies[1]}")
    said += [repr(session._secret), caplog.text, *capfd.readouterr()]
    said += [_text(path) for path in folder.rglob("*") if path.is_file()]
    sent = {value for each in controller.requests for _, value in each.cookies}
    for text in (planted, "s3cret", "w\\u00f6rd", *cookies, *sent):
        assert all(text not in each for each in said)


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1")


def test_an_ordinary_word_as_a_password_leaves_the_data_as_it_is() -> None:
    assert b'{"name": "pool-1"}' == hide_in_data(b'{"name": "pool-1"}', {"pool"})
    assert b'["[hidden]", "[hidden]"]' == hide_in_data('["p\u00e4ssword", "p\\u00e4ssword"]'.encode(), {"pässword"})


@pytest.mark.parametrize(("ahead", "offset"), [(0, 0), (3600, 3600), (-90, -90)])
def test_the_controllers_clock_is_compared(controller: Controller, ahead: int, offset: int) -> None:
    assert controller.server is not None
    controller.server.clock_ahead = ahead
    with opened(controller) as session:
        assert session.clock_offset is not None
        assert abs(offset - session.clock_offset) <= 2
        assert ("admin", "branch") == session.tenants


def test_a_proxy_that_is_not_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = parse_address(f"127.0.0.1:{free.getsockname()[1]}")
    session = Session(address, "auditor", Secret("password", "x"), tenant="admin", trust=True)
    for name, said in ((None, "Connection refused$"), ("https_proxy", r"refused \(https_proxy is set and not used:")):
        if name:
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        with pytest.raises(NoAnswer, match=said):
            session.login()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("avi.example.com", Address("avi.example.com")),
        ("avi.example.com:8443", Address("avi.example.com", 8443)),
        ("https://avi.example.com/", Address("avi.example.com")),
        ("2001:db8::1", Address("2001:db8::1")),
        ("[2001:db8::1]:8443", Address("2001:db8::1", 8443)),
        ("192.0.2.1:80", Address("192.0.2.1", 80)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert address == parse_address(text)
    assert address == parse_address(address.origin)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://avi.example.com", "http would send the password in clear text"),
        *(
            (text, "is not the address of a Controller")
            for text in ("", "a b", "x/y", "u@x", "u:p@x", "x:port", "ftp://x", "x:99999", "x?y")
        ),
    ],
)
def test_what_is_no_address(text: str, said: str) -> None:
    with pytest.raises(ControllerError, match=said):
        parse_address(text)


def test_secrets_are_taken_out_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_text("from file\n")
    file.chmod(0o600)
    assert Secret("password", "from file") == take_secret(file, {}, None)
    environment = {PASSWORD: "p", "HOME": "/"}
    assert Secret("password", "p") == take_secret(None, environment, None)
    assert {"HOME": "/"} == environment
    assert Secret("token", "t") == take_secret(None, {TOKEN: "t"}, None)
    assert Secret("password", "typed") == take_secret(None, {}, lambda: "typed")
    assert "typed" not in repr(Secret("password", "typed"))
    environment = {PASSWORD: "p", TOKEN: "t"}
    with pytest.raises(NoCredentials, match="are both given"):
        take_secret(None, environment, None)
    assert {} == environment
    for given, said in ((None, "no password: give"), (file, r"mode 0644, so others can read it: chmod 600 it")):
        file.chmod(0o644)
        with pytest.raises(NoCredentials, match=said):
            take_secret(given, {}, None)
    with pytest.raises(NoCredentials, match="is not a password or token"):
        take_secret(None, {TOKEN: "two\nlines"}, None)


def test_a_ca_file_is_looked_at_first(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ControllerError, match="is not a file of CA certificates in PEM form"):
        trusted(tmp_path / "ca.pem")
    with pytest.raises(ControllerError, match="No such file"):
        trusted(tmp_path / "none.pem")


def test_hidden_in_every_spelling() -> None:
    assert "a [hidden] b [hidden]" == hide("a pass word b pass%20word", {"pass word"})
    assert "a ab b" == hide("a ab b", {"ab"}), "too short to be told from ordinary text"
