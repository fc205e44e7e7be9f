"""Settings that fixes name, with the servers that have them: each starts, and the fault is gone."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from icapdiag.icap.request import options_request
from tests.interop import c_icap, macros
from tests.interop.clients import c_icap_client, check
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.programs import Programs, free_port
from tests.interop.scanners import SCANNER, TYPES

PATIENCE = 20.0  # seconds
IN_A_ROW = 20  # equal answers, until none is of an old child
EVERYTHING = "0.0.0.0/0.0.0.0"
# As the runbooks advise them. Of PreviewSize and Timeout as shipped another number is sent.
C_ICAP = """\
Timeout 30
KeepAliveTimeout 10
TmpDir /tmp
virus_scan.PreviewSize 5000
virus_scan.MaxObjectSize 50M
virus_scan.StartSendPercentDataAfter 50M
virus_scan.PassOnError off
clamav_mod.DetectPUA off
clamav_mod.OLE2BlockMacros off
clamav_mod.ArchiveBlockEncrypted on
"""
CLAMD = """\
AlertOLE2Macros {macros}
AlertEncrypted {encrypted}
AlertExceedsMax yes
DetectPUA no
ScanArchive yes
MaxFileSize 50M
MaxScanSize 50M
MaxRecursion 20
StreamMaxLength 100M
"""


@pytest.fixture
def started(programs: Programs, known_eicar: None) -> Iterator[Callable[[str, str], int]]:
    """Starts a c-icap of this name with these services; it is stopped at the end of the test."""
    running = []

    def start(name: str, services: str) -> int:
        port = free_port()
        running.append(c_icap.start(programs, name, [("127.0.0.1", port)], services))
        return port

    yield start
    programs.stop(*running)


Start = Callable[[str, str], int]


def test_c_icap_with_all_of_its_settings(started: Start) -> None:
    checked = check(f"icap://127.0.0.1:{started('settings', SCANNER + C_ICAP)}/avscan", "--eicar", "--depth", "deep")

    nothing_is_wrong(checked)
    assert 5000 == checked.facts("options")["preview"]


def options(port: int) -> bytes:
    """The beginning of the answer to OPTIONS; empty where there is none."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(options_request("127.0.0.1", port, "/avscan", close=True).first)
        return sock.recv(4096)
    return b""


def test_an_access_list_is_changed_while_c_icap_runs(started: Start, programs: Programs) -> None:
    """As its step says: `acl` and `icap_access allow` above `deny all`, then `reconfigure`."""
    denied = f"acl all src {EVERYTHING}\nicap_access deny all\n"
    allowed = "acl avi src 127.0.0.0/255.0.0.0\nicap_access allow avi\n"
    name = "reconfigured"
    port = started(name, SCANNER + allowed + denied)
    url = f"icap://127.0.0.1:{port}/avscan"
    configuration = programs.folder / f"{name}.conf"
    right = configuration.read_text()

    def reconfigure(text: str, answer: bytes) -> None:
        """Until c-icap answers so many times in a row: its old children go on for a moment beside the new ones."""
        configuration.write_text(text)
        control = os.open(programs.folder / f"{name}.ctl", os.O_WRONLY)  # without O_CREAT: fs.protected_fifos
        os.write(control, b"reconfigure")
        os.close(control)
        until = time.monotonic() + PATIENCE
        in_a_row = 0
        while in_a_row < IN_A_ROW and time.monotonic() < until:
            in_a_row = in_a_row + 1 if options(port).startswith(answer) else 0
            time.sleep(0.05)

    reconfigure(right.replace(allowed, ""), b"ICAP/1.0 403")
    Diagnosis("access-denied", "access-list", "likely", "icap_access allow avi").holds(check(url))
    reconfigure(right, b"ICAP/1.0 200")
    nothing_is_wrong(check(url))


MACROS, ENCRYPTED = "Heuristics.OLE2.ContainsMacros", "Heuristics.Encrypted.Zip"


@pytest.mark.parametrize("engine", ["clamd", "clamav_mod"])
@pytest.mark.parametrize(("setting", "threats"), [("on", {MACROS, ENCRYPTED}), ("off", set())])
def test_macros_and_encrypted_archives(
    started: Start, programs: Programs, engine: str, setting: str, threats: set[str]
) -> None:
    name = f"{engine}-{setting}"
    clamd = None
    if engine == "clamd":
        socket_file = programs.folder / f"{name}.ctl"
        word = "yes" if setting == "on" else "no"
        clamd = c_icap.start_clamd(programs, socket_file, settings=CLAMD.format(macros=word, encrypted=word))
        module = c_icap.clamd_engine(socket_file)
    else:
        module = c_icap.LIBCLAMAV
        module += f"clamav_mod.OLE2BlockMacros {setting}\nclamav_mod.ArchiveBlockEncrypted {setting}\n"
    port = started(f"c-icap-{name}", c_icap.ANTIVIRUS + TYPES + module)
    samples = {MACROS: macros.document_with_a_macro(), ENCRYPTED: macros.encrypted_archive()}

    said = {name: c_icap_client(port, "-v", "-req", "http://x/", body=body)[0] for name, body in samples.items()}
    nothing_is_wrong(check(f"icap://127.0.0.1:{port}/avscan", "--eicar"))
    if clamd is not None:
        programs.stop(clamd)

    assert threats == {name for name, words in said.items() if f"Threat={name}" in words}, said
