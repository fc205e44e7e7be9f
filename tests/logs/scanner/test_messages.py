"""The texts of c-icap, its modules and Squid, each as it is logged."""

from __future__ import annotations

import pytest

from icapdiag.logs.scanner.messages import KINDS, read_message

URI = "icap://192.0.2.1:1344/avscan"
TEXTS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("c-icap", "engine-start", "clamd_init: Error while sending command to clamd server", {}),
    ("c-icap", "engine-connect", "clamd_connect: Can not connect to clamd server on 127.0.0.1:3310!",
     {"engine": "127.0.0.1:3310"}),
    ("c-icap", "engine-unreachable", "clamd_scan: Unable to connect to clamd server!", {}),
    ("c-icap", "engine-answer", "clamd_scan: Error reading response from clamd server!", {}),
    ("c-icap", "no-registry", "Registry 'virus_scan::engines' does not exist!", {}),
    ("c-icap", "no-engine-pass", "Antivirus engine is not available, allow 204", {}),
    ("c-icap", "engine-ready", "Setting antivirus default engine: clamd", {"detail": "clamd"}),
    ("c-icap", "scan-failed", "Failed to scan web object", {}),
    ("c-icap", "scan-aborted", "Error while scanning for virus. Aborting....", {}),
    ("c-icap", "decode-failed-passed",
     "Unable to uncompress deflate encoded data: bomb! Let it pass due to PassOnError", {}),
    ("c-icap", "too-large-passed",
     "Object size is 6291456 . Bigger than max scannable file size (5242880). Allow it.... ",
     {"size": "6291456", "limit": "5242880"}),
    ("c-icap", "too-large-refused",
     "Object does not fit to max object size and early responses are not allowed! ", {}),
    ("c-icap", "signatures-not-loaded", "Clamav DB load: cl_load failed: Malformed database",
     {"detail": "cl_load failed: Malformed database"}),
    ("c-icap", "virus-found",
     "VIRUS DETECTED: Win.Test.EICAR_HDB-1 , http client ip: 192.0.2.7, http user: -, http url: a.test/x",
     {"threat": "Win.Test.EICAR_HDB-1", "peer": "192.0.2.7"}),
    ("c-icap", "threads-busy", ("ATTENTION!!!! Not enough available servers (children 1, free servers 0, used servers 4"
     ")!!!!! Maybe you should increase the MaxServers"), {"free": "0", "used": "4"}),
    ("c-icap", "queue-full", "Too long connections queue (1024), drop connection", {}),
    ("c-icap", "no-descriptors", "Accept failed: errno=24", {}),
    ("c-icap", "no-descriptors", "Can not open file '/x': Too many open files", {}),
    ("c-icap", "no-memory", "ERROR: Request memory allocation failure, reject connection", {}),
    ("c-icap", "disk-full", "Can not open temporary filename: CI_TMP_x (28/No space left on device)", {}),
    ("c-icap", "no-temporary-file", "Can not open temporary filename: CI_TMP_x (13/Permission denied)",
     {"detail": "CI_TMP_x (13/Permission denied)"}),
    ("c-icap", "no-template", "Unable to find specified template: VIRUS_FOUND", {}),
    ("c-icap", "cannot-listen", "Error binding", {}),
    ("c-icap", "cannot-listen", "Error converting ipv4 address to the network byte order", {}),
    ("c-icap", "bad-certificate", "Unable to check private key: 33558541:error:0200100D:Permission denied",
     {"detail": "33558541:error:0200100D:Permission denied"}),
    ("c-icap", "bad-configuration", "Error loading service srv_clamav.so", {"detail": "service srv_clamav.so"}),
    ("c-icap", "bad-configuration", "Fatal error while parsing config file: \"/etc/c-icap/c-icap.conf\" line: 3", {}),
    ("c-icap", "denied", "Request from 198.51.100.9 is denied", {"peer": "198.51.100.9"}),
    ("c-icap", "bad-chunks", "Error parsing chunks, current chunk len: 0 readed:0, str:zz", {}),
    ("c-icap", "crashed", "Child 4711 did not exit normally.", {}),
    ("c-icap", "signalled", "signaled with signal: 11", {"detail": "11"}),
    ("c-icap", "squidclamav-failed", "ERROR Can't connect to Clamd daemon.", {}),
    ("c-icap", "squidclamav-connect", "ERROR Can't connect to clamd on local socket /run/clamav/clamd.ctl.",
     {"engine": "/run/clamav/clamd.ctl"}),
    ("c-icap", "squidclamav-connect", "ERROR Timeout connecting to clamd on 192.0.2.3:3310.",
     {"engine": "192.0.2.3:3310"}),
    ("c-icap", "squidclamav-write", "ERROR Can't write to clamd socket.", {}),
    ("c-icap", "virus-found", "LOG Virus found in http://a.test/x ending download [stream: Eicar-Signature FOUND]",
     {"threat": "Eicar-Signature"}),
    ("c-icap", "squidclamav-too-large",
     "DEBUG No antivir check, content-length upper than maxsize (9000000 > 5000000)",
     {"size": "9000000", "limit": "5000000"}),
    ("c-icap", "squidclamav-too-large",
     "DEBUG No more antivir check, downloaded stream is upper than maxsize (5000001>5000000)",
     {"size": "5000001", "limit": "5000000"}),
    ("squid", "service-down", f"essential ICAP service is down after an options fetch failure: {URI} [down,!opt]",
     {"which": "essential", "uri": URI, "state": "down,!opt"}),
    ("squid", "service-suspended", f"optional ICAP service is suspended: {URI} [down,susp,fail11]",
     {"which": "optional", "uri": URI, "state": "down,susp,fail11"}),
    ("squid", "service-up", f"essential ICAP service is up: {URI} [up]", {"which": "essential", "uri": URI}),
    ("squid", "options-invalid", (f"WARNING: Squid got an invalid ICAP OPTIONS response from service {URI}; error: "
     "unsupported status code of OPTIONS response"),
     {"uri": URI, "detail": "unsupported status code of OPTIONS response"}),
    ("squid", "method-missing", (f"WARNING: Squid is configured to use ICAP method REQMOD for service {URI} but "
     "OPTIONS response declares the methods are RESPMOD "), {"detail": "REQMOD", "uri": URI}),
    ("squid", "clock-skewed", f"ICAP service's clock is skewed by -100000 seconds: {URI}",
     {"detail": "-100000 seconds", "uri": URI}),
    ("squid", "connections-exceeded", (f"WARNING: ICAP Max-Connections limit exceeded for service {URI}. Open "
     "connections now: 1, including 0 idle persistent connections."), {"uri": URI}),
    ("squid", "connections-zero", "WARNING: Max-Connections is set to zero! ", {}),
    ("squid", "unknown-host", "ERROR: ICAP: Unknown service host: icap.invalid", {"detail": "icap.invalid"}),
    ("squid", "no-descriptors", "WARNING! Your cache is running out of filedescriptors", {}),
    ("squid", "disk-full", "storeDiskdSend: (28) No space left on device", {}),
)  # fmt: skip


@pytest.mark.parametrize(("program", "kind", "text", "parts"), TEXTS, ids=lambda value: str(value)[:30])
def test_a_message_is_known(program: str, kind: str, text: str, parts: dict[str, str]) -> None:
    found = read_message(program, text)

    assert found is not None
    assert (kind, parts) == (found.kind, found.parts)


def test_every_kind_has_a_text() -> None:
    assert KINDS == {kind for _, kind, *_ in TEXTS}


@pytest.mark.parametrize(
    "text",
    [
        "recomputing istag ...", "Possibly a term signal received. Monitor process going to term all children",
        "WARNING! Error binding to an ipv6 address. Trying ipv4...", "Error bind  at ipv6 address ",
        "clamd_get_versions: WARNING: Can not parse response from clamd server: ClamAV 1.4.6",
        "a user wrote: Antivirus engine is not available, allow 204", "Accept failed: errno=4", "",
    ],
)  # fmt: skip
def test_most_messages_are_about_no_fault(text: str) -> None:
    assert read_message("c-icap", text) is None
