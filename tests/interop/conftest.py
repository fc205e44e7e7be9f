"""Real servers and clients, on loopback. They start once a session and are stopped at its end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import NO_SKIPS
from tests.interop import c_icap, e2guardian, squid
from tests.interop.certificates import write_certificate
from tests.interop.chromium import Browser, chromium
from tests.interop.clients import ICAPDIAG, Checked, check
from tests.interop.programs import Namespace, Programs, free_port

_PROGRAMS = pytest.StashKey[Programs]()
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Pool:
    """Five c-icap servers in five states, on one port of 127.0.0.1 to 127.0.0.5."""

    port: int

    def member(self, number: int) -> str:
        return f"127.0.0.{number}:{self.port}"


@dataclass(frozen=True, slots=True)
class CIcap:
    """One c-icap with /avscan, /echo, /ex206 and /url_check; plain, by TLS, and by TLS with an expired certificate."""

    plain: int
    tls: int
    expired: int
    ca_file: Path
    expired_ca_file: Path


@dataclass(frozen=True, slots=True)
class E2guardian:
    """Listens on 127.0.0.1:``port`` within ``network``."""

    network: Namespace
    port: int

    def check(self, service: str, *arguments: str) -> Checked:
        return check(f"icap://127.0.0.1:{self.port}/{service}", *arguments, namespace=self.network)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    programs = item.session.stash.get(_PROGRAMS, None)
    if report.failed and programs is not None:
        report.sections.extend((f"log of {program.name}", program.excerpt()) for program in programs.running)
    return report


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> Iterator[Programs]:
    """Starts programs. Their folder is not pytest's, which other users can't enter; it stays if a test fails."""
    folder = Path(tempfile.mkdtemp(prefix="icapdiag-interop-"))
    folder.chmod(0o1777)
    started = request.session.stash[_PROGRAMS] = Programs(folder)
    try:
        yield started
    finally:
        started.stop(*started.running)
        if request.session.testsfailed == 0:
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def known_eicar() -> Iterator[None]:
    """ClamAV has a signature for EICAR."""
    with c_icap.signature():
        yield


@pytest.fixture(scope="session")
def cicap_pool(programs: Programs, known_eicar: None) -> Pool:
    """1 healthy; 2 scans no file type; 3 started without clamd; 4 lost its clamd; 5 is a URL filter."""
    port = free_port(*(f"127.0.0.{number}" for number in range(1, 6)))
    clamd_socket = programs.folder / "clamd.ctl"
    blocklist = programs.folder / "pool-blocklist.txt"
    blocklist.write_text("www.example.test\n")
    clamd_engine = c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.clamd_engine(clamd_socket)

    def start(number: int, services: str) -> None:
        c_icap.start(programs, f"member{number}", [(f"127.0.0.{number}", port)], services)

    start(3, clamd_engine)
    clamd = c_icap.start_clamd(programs, clamd_socket)
    start(4, clamd_engine)
    programs.stop(clamd)
    start(1, c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.LIBCLAMAV)
    start(2, c_icap.ANTIVIRUS + c_icap.LIBCLAMAV)
    start(5, c_icap.url_filter(blocklist, alias="avscan"))
    return Pool(port)


@pytest.fixture(scope="session")
def cicap(programs: Programs, known_eicar: None) -> CIcap:
    folder = programs.folder
    good, ca_file = write_certificate(folder, "good")
    expired, expired_ca_file = write_certificate(folder, "expired", expired=True)
    blocklist = folder / "blocklist.txt"
    blocklist.write_text("www.example.test\n")
    server = CIcap(free_port(), free_port(), free_port(), ca_file, expired_ca_file)
    services = (
        f"TlsPort {_LOOPBACK}:{server.tls} cert={good}\n"
        f"TlsPort {_LOOPBACK}:{server.expired} cert={expired}\n"
        "Service echo srv_echo.so\n"
        "Service ex206 srv_ex206.so\n"
        + c_icap.ANTIVIRUS
        + c_icap.FILE_TYPES
        + c_icap.LIBCLAMAV
        + c_icap.url_filter(blocklist)
    )
    c_icap.start(programs, "c-icap", [(_LOOPBACK, server.plain)], services)
    return server


@pytest.fixture(scope="session")
def own_network(programs: Programs) -> Namespace:
    """A network namespace with nothing but a loopback; the machine's network where that is not allowed."""
    made = programs.network("network", "ip link set lo up")
    return made[1] if made else Namespace()


@pytest.fixture(scope="session")
def e2guardian_server(programs: Programs, own_network: Namespace) -> E2guardian:
    if own_network.pid is None and not NO_SKIPS:
        pytest.skip("e2guardian listens on every address, and no network namespace can be made to keep it in")
    server = E2guardian(own_network, free_port())
    e2guardian.start(programs, server.network, server.port)
    return server


@pytest.fixture(scope="session")
def lab(programs: Programs) -> int:
    """The port on which ``icapdiag lab`` serves its healthy member."""
    port = free_port()
    programs.start("lab", [*ICAPDIAG, "lab", "healthy", "--port", str(port)], ports=[(_LOOPBACK, port)])
    return port


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="module")  # its origin is a thread of ours, and reading logs rightly never forks beside one
def squid_proxy(programs: Programs, lab: int) -> Iterator[squid.Proxy]:
    """Squid, with our lab as its scanner."""
    with ExitStack() as stack:
        yield stack.enter_context(squid.proxy(programs, f"icap://{_LOOPBACK}:{lab}/avscan"))
