"""Debian's c-icap with one fault each; the step that is advised is done as it is printed, and the fault is gone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from icapdiag.icap.samples import eicar
from tests.interop.certificates import write_certificate
from tests.interop.clients import Checked
from tests.interop.diagnosed import advises, nothing_is_wrong
from tests.interop.hosts import AVSCAN, C_ICAP, CLAMD, SERVER_LOG, VIRUS_SCAN, Host, host
from tests.interop.programs import Programs

ICAPS = "icaps://127.0.0.1:11344/avscan"
MODULES = next(Path("/usr/lib").glob("*/c_icap"), Path("/nonexistent"))
SCAN = "ServiceAlias scan virus_scan?allow204=on&sizelimit=off&mode=simple"
SLOW = pytest.mark.realcases  # much as another row, and a stop of c-icap takes a second
WITH_A_NAME = (
    "acl AUTH auth *",
    "acl all src 0.0.0.0/0.0.0.0",
    "icap_access allow AUTH",
    "icap_access deny all",
)


@pytest.fixture(scope="module")
def installed(programs: Programs) -> Iterator[Host]:
    with host(programs, "installed") as made:
        yield made


Change = Callable[[Host], None]


def lines(path: str, *settings: str) -> Change:
    """These settings in the file, and no others of the same names."""

    def change(here: Host) -> None:
        here.write(path, *settings)

    return change


def added(path: str, *settings: str) -> Change:
    """These lines at the end of the file."""

    def change(here: Host) -> None:
        here.file(path).write_text("\n".join([here.file(path).read_text(), *settings, ""]))

    return change


def without(path: str, *settings: str) -> Change:
    """The file without these lines."""

    def change(here: Host) -> None:
        kept = [line for line in here.file(path).read_text().splitlines() if line not in settings]
        here.file(path).write_text("\n".join([*kept, ""]))

    return change


def shell(command: str) -> Change:
    def change(here: Host) -> None:
        here.run(command)

    return change


def together(*changes: Change) -> Change:
    def change(here: Host) -> None:
        for each in changes:
            each(here)

    return change


def cause_of(checked: Checked, finding: str, cause: str) -> str:
    """How sure the cause of the first problem is; fails the test where the problem is another one."""
    problem = checked.report["problems"][0]
    assert finding == problem["finding"], [each["finding"] for each in checked.report["problems"]]
    return next(str(each["status"]) for each in problem["causes"] if each["id"] == cause)


@pytest.mark.parametrize(
    ("fault", "url", "expected", "step", "fix"),
    [
        pytest.param(
            without(VIRUS_SCAN, "Include clamd_mod.conf"), AVSCAN,
            ("no-engine-loaded", "no-engine", "proven"), "`Include clamd_mod.conf`",
            added(VIRUS_SCAN, "Include clamd_mod.conf"), id="no engine is loaded, as shipped: clamd",
        ),
        pytest.param(
            without(VIRUS_SCAN, "Include clamd_mod.conf"), AVSCAN,
            ("no-engine-loaded", "no-engine", "proven"), "`Include clamav_mod.conf`",
            added(VIRUS_SCAN, "Include clamav_mod.conf"), id="no engine is loaded, as shipped: libclamav", marks=SLOW,
        ),
        pytest.param(
            lines(CLAMD, "LocalSocketMode 660"), AVSCAN,
            ("no-engine-loaded", "no-engine", "proven"), "`LocalSocketMode 666` in /etc/clamav/clamd.conf",
            lines(CLAMD, "LocalSocketMode 666"), id="c-icap may not open clamd's socket",
        ),
        pytest.param(
            without(C_ICAP, "Include virus_scan.conf"), AVSCAN,
            ("service-not-found", "not-loaded", "likely"), "`Include virus_scan.conf`",
            added(C_ICAP, "Include virus_scan.conf"), id="the service is not loaded",
        ),
        pytest.param(
            without(C_ICAP, "Include virus_scan.conf"), "icap://127.0.0.1:1344/scan",
            ("service-not-found", "not-loaded", "likely"), f"`{SCAN}` below it",
            added(C_ICAP, "Include virus_scan.conf", SCAN),
            id="it has another path", marks=SLOW,
        ),
        pytest.param(
            lines(VIRUS_SCAN, "ServiceAlias avscan echo"), AVSCAN,
            ("eicar-not-detected", "wrong-service", "proven"), "",
            lines(VIRUS_SCAN, "ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple"),
            id="the alias is another service's",
        ),
        pytest.param(
            lines(C_ICAP, "Port 127.0.0.2:1344"), AVSCAN,
            ("tcp-refused", "other-address", "possible"), "`Port ADDRESS:1344` in c-icap.conf",
            lines(C_ICAP, "Port 127.0.0.1:1344"), id="it listens on another address", marks=SLOW,
        ),
        pytest.param(
            lines(C_ICAP, "TmpDir /run/forbidden"), AVSCAN,
            ("server-error", "disk-full", "possible"), "Let c-icap's user write to TmpDir",
            shell("chown c-icap /run/forbidden"), id="it may not write to TmpDir",
        ),
        pytest.param(
            added(C_ICAP, "AuthMethod basic basic_simple_db", *WITH_A_NAME), AVSCAN,
            ("access-denied", "authentication", "proven"), "an `icap_access allow` with a src acl",
            together(
                without(C_ICAP, *WITH_A_NAME),
                added(C_ICAP, "acl avi src 127.0.0.0/255.0.0.0", "icap_access allow avi", *WITH_A_NAME),
            ), id="it wants a user name",
        ),
        pytest.param(
            added(C_ICAP, "acl ask type OPTIONS", "icap_access deny ask"), AVSCAN,
            ("options-refused", "access-rule", "likely"), "Allow OPTIONS where REQMOD is allowed",
            together(
                without(C_ICAP, "icap_access deny ask"),
                added(C_ICAP, "acl avi src 127.0.0.0/255.0.0.0", "icap_access allow avi", "icap_access deny ask"),
            ), id="it refuses OPTIONS",
        ),
    ],
)  # fmt: skip
def test_the_step_cures_it(
    installed: Host, fault: Change, url: str, expected: tuple[str, str, str], step: str, fix: Change
) -> None:
    here = installed
    here.install()
    here.run("install -d -m 700 /run/forbidden")
    fault(here)
    here.restart()
    checked = here.check(url, "--eicar")
    finding, cause, status = expected
    assert status == cause_of(checked, finding, cause)
    assert advises(checked, step)

    fix(here)
    here.restart()
    nothing_is_wrong(here.check(url, "--eicar"))


LATE = os.urandom(3_000_000) + eicar()  # what is behind the first 2 MB, as shipped, is too late for a block page
EICAR_FOUND = "Eicar-Test-Signature.UNOFFICIAL"


def test_an_answer_before_the_verdict(installed: Host) -> None:
    """Of threat-passed (data trickling). SendPercentData 0 sends less of the upload, and no verdict either."""
    here = installed
    here.install()
    here.write(VIRUS_SCAN, "virus_scan.MaxObjectSize 50M")
    here.restart()
    assert ("", EICAR_FOUND) == (here.threat(LATE, service="virus_scan"), here.threat(LATE))  # /avscan has mode=simple

    here.write(VIRUS_SCAN, "virus_scan.SendPercentData 0")
    here.restart_c_icap()
    assert "" == here.threat(LATE, service="virus_scan")
    here.write(VIRUS_SCAN, "virus_scan.SendPercentData 5", "virus_scan.StartSendPercentDataAfter 50M")
    here.restart_c_icap()
    assert EICAR_FOUND == here.threat(LATE, service="virus_scan")


@pytest.fixture
def secured(installed: Host, programs: Programs) -> str:
    """The pool file of the host with TLS; its certificate and key are /etc/c-icap/icap.pem."""
    installed.install()
    both, alone = write_certificate(programs.folder, "installed")
    shutil.copy(both, installed.file("/etc/c-icap/icap.pem"))
    pool = programs.folder / "installed.yaml"
    pool.write_text(
        f"service_uri: /avscan\nmembers:\n  - {{host: 127.0.0.1, port: 11344, tls: {{ca_file: {alone}}}}}\n"
    )
    return str(pool)


NAMES_THE_LINE = "timeout 5 c-icap -N -D -d 3 -f /etc/c-icap/c-icap.conf"
TLS_PORT = "TlsPort 11344 cert=/etc/c-icap/icap.pem"


def test_tls_is_switched_on(installed: Host, secured: str) -> None:
    installed.restart()
    checked = installed.check(secured)
    assert "likely" == cause_of(checked, "tcp-refused", "icaps-off")
    assert advises(checked, "`TlsPort 11344 cert=/path/to/icap.pem` in c-icap.conf")

    installed.write(C_ICAP, TLS_PORT)
    installed.restart_c_icap(1344, 11344)
    nothing_is_wrong(installed.check(secured, "--eicar"))


@pytest.mark.parametrize(
    ("owner", "fix"),
    [
        ("root:root", "chgrp c-icap /etc/c-icap/icap.pem && chmod 640 /etc/c-icap/icap.pem"),
        pytest.param("root:c-icap", "chown c-icap /etc/c-icap/icap.pem", marks=SLOW),
    ],
)
def test_it_may_not_read_its_key(installed: Host, secured: str, owner: str, fix: str) -> None:
    installed.write(C_ICAP, TLS_PORT)
    installed.run(f"chown {owner} /etc/c-icap/icap.pem && chmod 600 /etc/c-icap/icap.pem")
    installed.restart_clamd()
    found = installed.explained_start()
    assert "proven" == cause_of(found, "service-not-started", "certificate")
    assert advises(found, "`chgrp c-icap FILE && chmod 640 FILE`")

    installed.run(fix)
    installed.restart_c_icap(1344, 11344)
    nothing_is_wrong(installed.check(secured))


def test_its_address_is_of_another_host(installed: Host) -> None:
    installed.install()
    installed.write(C_ICAP, "Port 192.0.2.1:1344")
    installed.restart_clamd()
    found = installed.explained_start()
    assert "proven" == cause_of(found, "service-not-started", "port-in-use")
    assert advises(found, "Or correct the address of `Port` and `TlsPort` in c-icap.conf")

    installed.write(C_ICAP, "Port 127.0.0.1:1344")
    installed.restart_c_icap()
    nothing_is_wrong(installed.check(AVSCAN))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("KeepAlive off", "KeepAlive off"),
        pytest.param("ServicesDir /nonexistent", "Service echo srv_echo.so", marks=SLOW),
    ],
)
@pytest.mark.parametrize("again", [False, pytest.param(True, marks=SLOW)], ids=["start", "reconfigure"])
def test_a_line_that_it_can_not_read(installed: Host, wrong: str, named: str, again: bool) -> None:
    """It ends without a message, at a start and at a `reconfigure`; only its debug output names the line."""
    here = installed
    here.install()
    here.restart()
    text = here.file(C_ICAP).read_text()
    kept = [line for line in text.splitlines() if line.split()[:1] != wrong.split()[:1]]
    here.file(C_ICAP).write_text("\n".join([wrong, *kept, ""]))
    if again:
        here.reconfigure()
        assert here.c_icap is not None
        assert 0 == here.c_icap.process.wait(20)
    else:
        here.stop_c_icap()
        assert "" == here.run("timeout 20 c-icap -N")
    assert named not in here.file(SERVER_LOG).read_text()
    down = here.check(AVSCAN)
    assert "possible" == cause_of(down, "tcp-refused", "stopped")
    assert advises(down, f"A wrong setting is only named by `{NAMES_THE_LINE}`")
    assert f"The line is: {named}" in here.run(NAMES_THE_LINE)

    here.file(C_ICAP).write_text(text)
    here.restart_c_icap()
    nothing_is_wrong(here.check(AVSCAN))
