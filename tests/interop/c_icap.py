"""c-icap with ClamAV: configuration, and the one signature that it needs."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from icapdiag.icap.request import options_request
from icapdiag.icap.samples import eicar
from tests.interop.programs import Namespace, Program, Programs, need, need_root

_DATABASES = Path("/var/lib/clamav")  # where clamav_mod always looks
_SIGNATURES = _DATABASES / "lab.ndb"
_USERS = Path(tempfile.gettempdir()) / "icapdiag-test-signature.lock"  # locked by each that needs it

ANTIVIRUS = """\
Service antivirus_module virus_scan.so
ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple
"""
FILE_TYPES = "virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE\n"
LIBCLAMAV = "Module common clamav_mod.so\n"


def clamd_engine(socket_file: Path) -> str:
    """Scan through clamd instead of in the process."""
    return f"Module common clamd_mod.so\nclamd_mod.ClamdSocket {socket_file}\n"


def url_filter(blocklist: Path, *, alias: str = "") -> str:
    """Blocks every URL on the hosts in ``blocklist``, whatever the body; ``alias`` is another name of the service."""
    return (
        "Service url_check_module srv_url_check.so\n"
        + (f"ServiceAlias {alias} url_check\n" if alias else "")
        + f"url_check.LookupTableDB blk host hash:{blocklist}\n"
        "url_check.Profile default block blk\n"
        "url_check.Profile default pass ALL\n"
    )


@contextmanager
def signature() -> Iterator[None]:
    """ClamAV knows EICAR, by its hex, while any such block runs. A file that was there before them stays."""
    need_root("ClamAV's signatures and the users of the servers")
    if not _DATABASES.is_dir():
        pytest.skip(f"{_DATABASES} does not exist: ClamAV is not installed")
    with _USERS.open("a+") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        if not _SIGNATURES.exists():
            users.write("ours\n")
            users.flush()
            # Offset *: found inside a multipart body too, which a checksum signature would miss.
            fresh = _SIGNATURES.with_suffix(f".{os.getpid()}")
            fresh.write_text(f"Eicar-Test-Signature:0:*:{eicar().hex()}\n")
            fresh.chmod(0o644)
            fresh.rename(_SIGNATURES)
        try:
            yield
        finally:
            with suppress(BlockingIOError):  # somebody else still needs it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _USERS.stat().st_size:
                    _SIGNATURES.unlink(missing_ok=True)
                    users.truncate(0)


def start(
    programs: Programs,
    name: str,
    listen: Iterable[tuple[str, int]],
    services: str,
    *,
    threads: int = 32,
    patience: int = 300,
    namespace: Namespace | None = None,
    inside: Sequence[str] = (),
) -> Program:
    """Start c-icap on the (address, port) pairs with ``services``, lines of its configuration with an /avscan.

    It serves ``threads`` connections at a time, and waits ``patience`` seconds for a request on each. In a
    ``namespace`` it is left to the caller to wait for its answer. ``inside`` is a command that runs it.

    It listens before its modules are up: one that starts without clamd would still find a clamd that
    comes right after, and one whose clamd goes would die of SIGPIPE. So an answer is waited for.
    """
    folder = programs.folder
    ports = list(listen)
    configuration = folder / f"{name}.conf"
    base = _base(folder, name, threads, patience)
    configuration.write_text(base + "".join(f"Port {ip}:{port}\n" for ip, port in ports) + services)
    argv = [*inside, need("c-icap"), "-N", "-f", str(configuration)]
    logs = [folder / f"{name}.log", folder / f"{name}.access"]
    program = programs.start(name, argv, ports=ports, logs=logs, namespace=namespace)
    if namespace is None:
        _wait_for_answer(*ports[0])
    return program


def _wait_for_answer(address: str, port: int) -> None:
    with socket.create_connection((address, port), timeout=30) as sock:
        sock.sendall(options_request(address, port, "/avscan", close=True).first)
        answer = sock.recv(4096)
    assert answer.startswith(b"ICAP/1.0 200"), answer


def start_clamd(
    programs: Programs, socket_file: Path, *, port: int | None = None, databases: Path = _DATABASES, settings: str = ""
) -> Program:
    """Start clamd on a Unix socket, and on a port of 127.0.0.1."""
    configuration = programs.folder / f"{socket_file.stem}.conf"
    tcp = f"TCPSocket {port}\nTCPAddr 127.0.0.1\n" if port else ""
    configuration.write_text(
        f"LocalSocket {socket_file}\nLocalSocketMode 666\n{tcp}"
        f"DatabaseDirectory {databases}\nForeground yes\nUser clamav\n{settings}"
    )
    ports = [("127.0.0.1", port)] if port else []
    return programs.start("clamd", [need("clamd"), "-c", str(configuration)], socket_file=socket_file, ports=ports)


@dataclass(slots=True)
class Clamd:
    """clamd on a Unix socket, which is there or not."""

    programs: Programs
    socket_file: Path
    running: Program | None = None

    def start(self) -> None:
        if self.running is None:
            self.running = start_clamd(self.programs, self.socket_file)

    def stop(self) -> None:
        if self.running is not None:
            self.programs.stop(self.running)
            self.socket_file.unlink(missing_ok=True)
            self.running = None


def _base(folder: Path, name: str, threads: int, patience: int) -> str:
    modules = next(Path("/usr/lib").glob("*/c_icap"), None)
    if modules is None:
        pytest.skip("c-icap's modules are not installed")
    return f"""\
PidFile {folder}/{name}.pid
CommandsSocket {folder}/{name}.ctl
StartServers 1
MaxServers 1
MinSpareThreads 1
MaxSpareThreads {threads}
ThreadsPerChild {threads}
Timeout {patience}
User c-icap
Group nogroup
ServerLog {folder}/{name}.log
AccessLog {folder}/{name}.access
ModulesDir {modules}
ServicesDir {modules}
TemplateDir /usr/share/c_icap/templates/
LoadMagicFile /etc/c-icap/c-icap.magic
"""
