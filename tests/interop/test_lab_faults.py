"""Each fault of the lab does what its description says, to clients that we did not write.

c-icap-client asks for OPTIONS first, and keeps to what they offer; after a refusal it sends nothing else, and of an
answer that ends the exchange at the preview it shows nothing. So a column says less than the wire does; what takes a
client of our own is in `tests/lab/test_faults.py`.
"""

from __future__ import annotations

import calendar
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.lab import FAULTS
from icapdiag.pool import Pool, load_pool
from tests.cli.run import served
from tests.interop.clients import c_icap_client
from tests.interop.programs import need

_REQMOD = ("-v", "-req", "http://www.example.test/upload", "-method", "POST")
_LONG = CLEAN * 30  # goes on after a preview
# What is sent: options of c-icap-client, and the body.
COLUMNS: Mapping[str, tuple[tuple[str, ...], bytes | None]] = {
    "OPTIONS": (("-v",), None),
    "clean": ((*_REQMOD, "-nopreview"), CLEAN),
    "eicar": ((*_REQMOD, "-nopreview"), eicar()),
    "in preview": (_REQMOD, CLEAN),
    "beyond preview": (_REQMOD, _LONG),
    "eicar beyond": (_REQMOD, _LONG + eicar()),
    "no 204": ((*_REQMOD, "-nopreview", "-no204"), CLEAN),
    "RESPMOD": (("-v", "-nopreview"), CLEAN),
    "150 KB": ((*_REQMOD, "-nopreview"), bytes(150_000) + eicar()),
}
OFFERS = "200 REQMOD,RESPMOD preview 1024 204 Yes max 200"
BLOCKED = "200 page 403 infection"
HEALTHY = {
    "OPTIONS": OFFERS,
    "clean": "204",
    "eicar": BLOCKED,
    "in preview": "204",
    "beyond preview": "204",
    "eicar beyond": BLOCKED,
    "no 204": "200 unchanged",
    "RESPMOD": "204",
    "150 KB": BLOCKED,
}


def outcome(port: int, column: str, *options: str, seconds: float = 30) -> str:
    """What the client shows of one exchange, in a few words."""
    sends, body = COLUMNS[column]
    try:
        said, out = c_icap_client(port, *options, *sends, body=body, seconds=seconds)
    except subprocess.TimeoutExpired:
        return "silent"
    if "Failed to connect" in said:
        return "no connection"
    status = re.search(r"^\s*ICAP/1\.0 (\d+)", said, re.MULTILINE)
    page = re.search(r"^\s*HTTP/1\.1 (\d+)", said, re.MULTILINE)
    if status is None:
        return f"page {page[1]}" if page else "nothing"
    words = [status[1]]
    if body is None and status[1] == "200":
        found = dict(re.findall(r"^\s*(Methods|Preview|Allow 204|Max-Connections): *(.*)", said, re.MULTILINE))
        words += [found["Methods"].replace(" ", ""), f"preview {found['Preview']}", f"204 {found['Allow 204']}"]
        words.append(f"max {found['Max-Connections']}")
    words += [f"page {page[1]}"] if page else []
    words += ["infection"] if "X-Infection-Found" in said else []
    words += [found[1] for found in re.finditer(r"X-Response-Desc: (.*)", said)]
    lengths = re.findall(r"Content-Length: (\d+)", said)
    if out and "No modification needed" not in said:
        words += [] if page else ["unchanged" if out == body else "changed"]
        words += [] if lengths[-1] == str(len(out)) else ["cut"]
    return " ".join(words)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The pool of a lab with all its faults."""
    for path in served(tmp_path_factory.mktemp("lab") / "pool.yaml"):
        yield load_pool(path)


@pytest.fixture(scope="module")
def ports(pool: Pool) -> Mapping[str, int]:
    return {member.name: member.port for member in pool.members}


def tls(fault: str) -> tuple[str, ...]:
    return ("-tls", "-tls-no-verify") if FAULTS[fault].tls else ()


NOTHING = dict.fromkeys(HEALTHY, "nothing")
_BEYOND = ("beyond preview", "eicar beyond")
_INFECTED = ("eicar", "eicar beyond", "150 KB")
_UNINFECTED = ("clean", "in preview", "beyond preview", "no 204", "RESPMOD")


def every_scan(word: str, **others: str) -> dict[str, str]:
    """The same for each body; OPTIONS as usual."""
    return HEALTHY | dict.fromkeys([column for column in HEALTHY if column != "OPTIONS"], word) | others


def infected(word: str) -> dict[str, str]:
    return HEALTHY | dict.fromkeys(_INFECTED, word)


def refused(status: str) -> dict[str, str]:
    """A status after the body, of which the client shows nothing at the end of a preview."""
    return every_scan(status) | {"in preview": "nothing"}


def offers(was: str, now: str) -> dict[str, str]:
    return HEALTHY | {"OPTIONS": OFFERS.replace(was, now)}


# What the client shows of each fault, in the columns that say something of it; " or " where it is a race.
ROWS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("healthy", "folded-violations", "disabled", "slow", "waits-for-thread", "no-istag"), HEALTHY),
    **dict.fromkeys(("tls-healthy", "tls-expired", "tls-wrong-name", "tls-untrusted"), HEALTHY),
    **dict.fromkeys(("closes-unannounced", "resets-above-n", "slow-above-n", "clock-skewed", "istag-changes"), HEALTHY),
    "needs-user-agent": HEALTHY,  # it sends one
    "100-in-vain": HEALTHY | {"in preview": "204 or silent"},  # it may read the 100 and the answer at once
    **{name: {"OPTIONS": "silent"} for name in ("mute", "drip", "threads-exhausted", "tls-on-plain-port")},
    **dict.fromkeys(("not-icap-ssh", "tls-alert", "tls-refused", "tls-client-certificate"), NOTHING),
    "answer-then-rst": {"OPTIONS": "404 or nothing"},
    "not-icap-http": {"OPTIONS": "page 400"},
    "refused": {"OPTIONS": "no connection"},
    "reset-on-accept": {"OPTIONS": "no connection or nothing"},
    "reset-mid-body": {"clean": "200 changed cut or nothing", "eicar": f"{BLOCKED} cut or nothing"},
    # verdicts
    "no-security-rule": every_scan("200 page 403 No security rule matched"),
    "core-error": every_scan("200 page 403 Error received from MetaDefender Core"),
    "not-scanned": every_scan("200 page 403 Not Scanned"),
    "clean-blocked": every_scan("200 page 403 URL category blk is BLOCKED"),
    "unclear": every_scan("200"),
    **dict.fromkeys(("eicar-missed", "shadow"), infected("204")),
    "blocks-without-header": infected("200 page 403"),
    "passes-not-scanned": infected("200 Not Scanned unchanged"),
    "disarms": infected("200 changed"),
    "form-missed": HEALTHY | dict.fromkeys(("eicar beyond", "150 KB"), "204"),
    **dict.fromkeys(("tiny-refused", "needs-inner-length"), HEALTHY),  # it sends no such upload
    "blocks-with-403": infected("403 infection"),
    "rewrites": HEALTHY | dict.fromkeys(_UNINFECTED, "200 changed"),
    # statuses
    **{name: NOTHING | {"OPTIONS": name} for name in ("400", "403", "404", "503")},
    **{name: refused(name) for name in ("405", "408", "418", "429", "500", "501")},
    "licence": refused("539"),
    "options-refused": {"OPTIONS": "405"},
    "options-without-encapsulated": {"OPTIONS": "400"},
    "other-path": {"OPTIONS": "404"},
    # broken ICAP
    "no-empty-line": every_scan("nothing"),
    "wrong-encapsulated": every_scan("200") | dict.fromkeys(_INFECTED, "200 infection"),
    "bad-chunk": HEALTHY | dict.fromkeys(_UNINFECTED, "200"),
    "endless-body": {"OPTIONS": OFFERS, "clean": "silent"},
    "keepalive-desync": {"OPTIONS": OFFERS, "clean": "silent"},  # it takes what OPTIONS answered for a body to come
    # what is offered, allowed and wanted
    "204-unannounced": offers("204 Yes", "204 No")
    | dict.fromkeys(("clean", "beyond preview", "RESPMOD"), "200 unchanged"),
    "echo-without-allow": offers("204 Yes", "204 No") | dict.fromkeys(_UNINFECTED, "200 unchanged"),
    "offers-respmod": offers("REQMOD,RESPMOD", "RESPMOD"),
    "no-connections": offers("max 200", "max 0"),
    "max-connections-enforced": offers("max 200", "max 4"),
    **dict.fromkeys(
        ("response-path", "respmod-only"),
        every_scan("405", OPTIONS=OFFERS.replace("REQMOD,RESPMOD", "RESPMOD"), RESPMOD="204")
        | dict.fromkeys(("in preview", *_BEYOND), "nothing"),
    ),
    "refuses-allow": every_scan("400")
    | {"no 204": "200 unchanged", **dict.fromkeys(("in preview", *_BEYOND), "nothing")},
    "needs-content-length": every_scan("411") | dict.fromkeys(("in preview", *_BEYOND), "nothing"),
    "204-without-allow": HEALTHY | {"no 204": "204"},
    "206": HEALTHY | dict.fromkeys(_UNINFECTED, "206 unchanged") | {"in preview": "206"},
    # previews: it sends no longer ones than are offered
    "small-preview": offers("preview 1024", "preview 4"),
    "preview-zero-only": offers("preview 1024", "preview 0"),
    "preview-refused": HEALTHY | dict.fromkeys(_BEYOND, "nothing"),
    "refuses-preview": HEALTHY | dict.fromkeys(("in preview", *_BEYOND), "nothing"),
    "preview-204-unsupported": HEALTHY | {"eicar beyond": "204"},
    "no-100": {"clean": "204", "in preview": "204", "beyond preview": "silent"},
    "100-after-ieof": {"clean": "204", "beyond preview": "204", "in preview": "silent"},
    # sizes
    **dict.fromkeys(("size-limit-pass", "size-limit-unread"), HEALTHY | {"150 KB": "204"}),
    "size-limit-error": HEALTHY | {"150 KB": "413"},
    "size-limit-block": HEALTHY | {"150 KB": "200 page 403 File size exceeds the limit"},
    "size-limit-drop": HEALTHY | {"150 KB": "nothing"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_c_icap_client_shows_of_it(ports: Mapping[str, int], fault: str) -> None:
    expected = ROWS[fault]
    found = {
        column: outcome(ports[fault], column, *tls(fault), seconds=1.5 if "silent" in word else 30)
        for column, word in expected.items()
    }
    races = {column: found[column] for column, word in expected.items() if found[column] in word.split(" or ")}
    assert {**expected, **races} == found


@pytest.mark.parametrize(("fault", "least"), [("slow", 0.8), ("waits-for-thread", 1.3)])
def test_how_long_it_takes(ports: Mapping[str, int], fault: str, least: float) -> None:
    started = time.monotonic()
    assert outcome(ports[fault], "OPTIONS") == OFFERS
    assert time.monotonic() - started >= least


@pytest.mark.parametrize(
    ("fault", "found"), [("max-connections-enforced", "503"), ("resets-above-n", "nothing"), ("slow-above-n", OFFERS)]
)
def test_a_fifth_connection(ports: Mapping[str, int], fault: str, found: str) -> None:
    with ExitStack() as open_ones:
        for _ in range(4):
            open_ones.enter_context(socket.create_connection(("127.0.0.1", ports[fault])))
        started = time.monotonic()
        assert found == outcome(ports[fault], "OPTIONS")
        assert fault != "slow-above-n" or time.monotonic() - started >= 0.6


def said(port: int, *options: str, service: str = "avscan") -> str:
    return c_icap_client(port, *_REQMOD, "-nopreview", *options, body=CLEAN, service=service)[0]


def test_headers_that_differ(ports: Mapping[str, int]) -> None:
    assert "ISTag" not in said(ports["no-istag"])
    assert len({*re.findall("ISTag: .*", "".join(said(ports["istag-changes"]) for _ in range(3)))}) == 3
    assert "X-ICAPeg-Shadow-Service: true" in said(ports["shadow"])
    (date,) = re.findall("Date: (.*)", said(ports["clock-skewed"]))
    behind = time.time() - calendar.timegm(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT"))
    assert 86_000 < behind < 90_000
    assert "Connection: close" not in said(ports["closes-unannounced"])


def test_what_it_takes(ports: Mapping[str, int]) -> None:
    unmodified = "No modification needed"
    assert unmodified in said(ports["other-path"], service="virus_scan")
    assert unmodified in said(ports["response-path"], service="reqmod")
    assert unmodified in said(ports["needs-content-length"], "-x", f"Content-Length: {len(CLEAN)}")


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        ("tls-healthy", "Verification: OK"),
        ("tls-expired", "certificate has expired"),
        ("tls-wrong-name", "IP address mismatch"),
        ("tls-untrusted", "unable to get local issuer certificate"),
        ("tls-client-certificate", "certificate required"),
        ("tls-refused", "handshake failure"),
        ("tls-alert", "protocol version"),
    ],
)
def test_what_openssl_says_of_it(pool: Pool, fault: str, result: str) -> None:
    (member,) = (each for each in pool.members if each.name == fault)
    ca_file = ("-CAfile", str(member.tls.ca_file)) if member.tls else ()
    at = ("-connect", f"127.0.0.1:{member.port}", "-verify_ip", "127.0.0.1")
    argv = [need("openssl"), "s_client", "-ign_eof", *at, *ca_file]
    request = b"OPTIONS icap://127.0.0.1/avscan ICAP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    done = subprocess.run(argv, input=request, capture_output=True, timeout=30, check=False)
    assert result in (done.stdout + done.stderr).decode(errors="replace")
