"""Real c-icap and ClamAV with one setting wrong: what is said first, why, and that its first step cures it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from icapdiag.icap.samples import eicar
from tests.interop import c_icap
from tests.interop.clients import check
from tests.interop.conftest import CIcap
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.programs import Programs, free_port
from tests.interop.scanners import TYPES, Scanners

OTHERS = r"FortiSandbox|Kaspersky|Trellix|MetaDefender"  # products that c-icap is not


@pytest.fixture(scope="module")
def scanners(programs: Programs, known_eicar: None) -> Scanners:
    return Scanners(programs)


EICAR, DEEP = "--eicar", ("--eicar", "--depth", "deep")
TOO_LARGE = Diagnosis("size-limit-pass", "max-object-size", "likely", r"virus_scan\.MaxObjectSize", never=OTHERS)


@pytest.mark.parametrize(
    ("service", "arguments", "expected"),
    [
        pytest.param(
            "avscann", (), Diagnosis("service-not-found", "wrong-path", "proven", r"^On Avi: .*service_uri",
                                     never=r"service_uri (to )?/echo|timed out"),
            id="the path is misspelt",
        ),
        pytest.param(
            "echo", (EICAR,), Diagnosis("eicar-not-detected", "wrong-service", "proven", r"^On Avi: .*service_uri",
                                        never=rf"{OTHERS}|enable_preview|clamd|PassOnError|ScanFileTypes"),
            id="the path is the echo service's",
        ),
        pytest.param(
            "url_check", (), Diagnosis("clean-blocked", "other-service", "proven", r"^On Avi: .*service_uri",
                                       effect="refused", never=OTHERS),
            id="the path is a URL filter's",
        ),
    ],
)  # fmt: skip
def test_the_service_is_another(cicap: CIcap, service: str, arguments: tuple[str, ...], expected: Diagnosis) -> None:
    expected.holds(check(f"icap://127.0.0.1:{cicap.plain}/{service}", *arguments))


@pytest.mark.parametrize(
    ("broken", "service", "arguments", "expected", "cured"),
    [
        pytest.param(
            Scanners.without_types, "avscan", (EICAR,),
            Diagnosis("eicar-not-detected", "file-types", "likely", "virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ",
                      never=rf"{OTHERS}|enable_preview|systemctl restart clamav|PassOnError"),
            "healthy", id="no type of file is scanned",
        ),
        pytest.param(
            lambda scanners: scanners.squidclamav(scanners.without_types()), "avscan", (EICAR,),
            Diagnosis("eicar-not-detected", "file-types", "likely", "abortcontent",
                      never=rf"{OTHERS}|enable_preview|systemctl restart clamav|PassOnError|ScanFileTypes"),
            "", id="squidclamav leaves the type out",
        ),
        pytest.param(
            lambda scanners: scanners.port("access-denied"), "avscan", (),
            Diagnosis("access-denied", "access-list", "likely", r"\bicap_access\b", never=OTHERS),
            "access-allowed", id="the access list leaves this host out",
        ),
        pytest.param(lambda scanners: scanners.port("1M"), "virus_scan", DEEP, TOO_LARGE, "50M",
                     id="MaxObjectSize is 1 MB"),
        pytest.param(lambda scanners: scanners.port("healthy"), "virus_scan", DEEP, TOO_LARGE, "50M",
                     id="MaxObjectSize is as shipped"),
        pytest.param(
            lambda scanners: scanners.squidclamav(scanners.port("5000000")), "virus_scan", DEEP,
            Diagnosis("size-limit-pass", "squidclamav-maxsize", "likely", r"maxsize`? in squidclamav\.conf",
                      never=rf"{OTHERS}|MaxObjectSize"),
            "", id="maxsize of squidclamav is as in its sample",
        ),
        pytest.param(
            lambda scanners: scanners.with_a_limit("1M"), "avscan", DEEP,
            Diagnosis("size-limit-pass", "engine-limit", "likely", "MaxFileSize and MaxScanSize in clamd.conf",
                      never=rf"{OTHERS}|MaxObjectSize|TmpDir"),
            "healthy", id="the engine's own limit is 1 MB",
        ),
        pytest.param(
            Scanners.without_templates, "avscan", (EICAR,),
            Diagnosis("malformed-response", "template", "likely", ": Set `TemplateDir", never=OTHERS),
            "healthy", id="the templates of block pages are missing",
        ),
        pytest.param(
            Scanners.full_disk, "avscan", DEEP,
            Diagnosis("size-limit-error", "no-room", "likely", r"df -h", never=rf"{OTHERS}|_preview\b|preview_"),
            "healthy", id="the temporary disk is full",
        ),
    ],
)  # fmt: skip
def test_a_setting_is_wrong(
    scanners: Scanners,
    broken: Callable[[Scanners], int],
    service: str,
    arguments: tuple[str, ...],
    expected: Diagnosis,
    cured: str,
) -> None:
    expected.holds(check(f"icap://127.0.0.1:{broken(scanners)}/{service}", *arguments))
    if cured:
        after = check(f"icap://127.0.0.1:{scanners.port(cured)}/{service}", *arguments)
        assert {} == after.findings("critical") | after.findings("warning")


def test_the_temporary_folder_can_not_be_written_to(scanners: Scanners) -> None:
    """A 500 to everything is most often an engine that is down, and is not taken for more than that."""
    checked = check(f"icap://127.0.0.1:{scanners.no_temporary_files()}/avscan")

    assert ["server-error"] == list(checked.findings("critical"))
    assert "possible" == checked.causes("server-error")["disk-full"]
    assert any("temporary filename" in step for step in checked.report["problems"][0]["steps"]["check"])


NO_ENGINE = Diagnosis("no-engine-loaded", "no-engine", "proven", "restart c-icap", never=rf"{OTHERS}|enable_preview")


@pytest.mark.parametrize("arguments", [(), (EICAR,)], ids=["without EICAR", "with EICAR"])
def test_clamd_was_not_there_when_c_icap_started(scanners: Scanners, arguments: tuple[str, ...]) -> None:
    scanners.clamd.stop()
    NO_ENGINE.holds(check(f"icap://127.0.0.1:{scanners.with_clamd('never')}/avscan", *arguments))


def test_starting_both_again_cures_it(scanners: Scanners) -> None:
    scanners.clamd.start()
    nothing_is_wrong(check(f"icap://127.0.0.1:{scanners.with_clamd('again')}/avscan", EICAR))


ENGINE_DOWN = Diagnosis("server-error", "engine-down", "likely", "systemctl restart clamav-daemon", never=OTHERS)


@pytest.mark.parametrize("arguments", [(), (EICAR,)], ids=["without EICAR", "with EICAR"])
@pytest.mark.parametrize("product", ["virus_scan", "squidclamav"])
def test_clamd_died(scanners: Scanners, product: str, arguments: tuple[str, ...]) -> None:
    scanners.clamd.start()
    port = scanners.with_clamd("died")
    url = f"icap://127.0.0.1:{port if product == 'virus_scan' else scanners.squidclamav(port)}/avscan"
    scanners.clamd.stop()
    ENGINE_DOWN.holds(check(url, *arguments))

    scanners.clamd.start()
    nothing_is_wrong(check(url, *arguments))


def test_clamd_died_and_errors_pass(scanners: Scanners) -> None:
    """Without EICAR there is nothing to see of it, and that is said."""
    scanners.clamd.start()
    url = f"icap://127.0.0.1:{scanners.with_clamd('passes', 'virus_scan.PassOnError on')}/avscan"
    scanners.clamd.stop()

    unseen = check(url)
    nothing_is_wrong(unseen)
    assert "detection (EICAR was not sent: --eicar)" == unseen.report["not_tested"][0]
    Diagnosis(
        "eicar-not-detected", "pass-on-error", "possible", r"PassOnError off",
        never=rf"{OTHERS}|enable_preview|ScanFileTypes|service_uri",
    ).holds(check(url, EICAR))  # fmt: skip

    scanners.clamd.start()
    nothing_is_wrong(check(url, EICAR))


def test_clamd_ignores_the_signature(scanners: Scanners, programs: Programs) -> None:
    """From outside that looks as an engine does that is down while errors pass: both stay possible."""
    databases = programs.folder / "ignoring"
    databases.mkdir()
    (databases / "lab.ndb").write_text(f"Eicar-Test-Signature:0:*:{eicar().hex()}\n")
    (databases / "local.ign2").write_text("Eicar-Test-Signature\n")
    databases.chmod(0o755)
    clamd_socket = programs.folder / "ignoring-clamd.ctl"
    clamd = c_icap.start_clamd(programs, clamd_socket, databases=databases)
    port = free_port()
    services = c_icap.ANTIVIRUS + TYPES + c_icap.clamd_engine(clamd_socket)
    server = c_icap.start(programs, "ignoring", [("127.0.0.1", port)], services)
    checked = check(f"icap://127.0.0.1:{port}/avscan", EICAR)
    programs.stop(server, clamd)

    assert {"pass-on-error", "allow-listed"} == {
        cause for cause, status in checked.causes("eicar-not-detected").items() if status != "ruled out"
    }
    (problem,) = checked.report["problems"]
    assert "clamdscan --ping" in problem["steps"]["check"][0]
    assert any("ign2" in step for step in problem["steps"]["fix"])
