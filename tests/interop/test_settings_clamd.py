"""ClamAV's settings, on Debian's own clamd and c-icap: the fault shows, the advised setting is the cure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import md5
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from icapdiag.icap.samples import eicar
from tests.interop.diagnosed import advises, nothing_is_wrong
from tests.interop.hosts import AVSCAN, CLAMAV_MOD, CLAMD, SCANNED, VIRUS_SCAN, Host, host
from tests.interop.programs import Programs, need

DATABASES = "/var/lib/clamav"
STATS = r"printf 'zSTATS\0' | nc -U -w 5 /run/clamav/clamd.ctl"
DEEP = ("--eicar", "--depth", "deep")
MIB = 1024**2
SLOW = pytest.mark.realcases


@pytest.fixture(scope="module")
def installed(programs: Programs) -> Iterator[Host]:
    with host(programs, "with-clamd") as made:
        yield made


def archive(*members: bytes) -> bytes:
    """A ZIP archive with these files."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as made:
        for number, member in enumerate(members):
            made.writestr(f"{number}.zip", member)
    return file.getvalue()


def nested(depth: int) -> bytes:
    return archive(b"nothing harmful") if depth == 1 else archive(nested(depth - 1))


NOISE = os.urandom(3 * MIB)


@pytest.mark.parametrize(
    ("limit", "low", "high", "upload"),
    [
        pytest.param("MaxFileSize", "1M", "50M", NOISE, id="MaxFileSize"),
        pytest.param("MaxScanSize", "1M", "50M", archive(NOISE), id="MaxScanSize"),
        pytest.param("MaxFiles", "3", "10000", archive(*([b"nothing harmful"] * 8)), id="MaxFiles"),
        pytest.param("MaxRecursion", "3", "20", nested(6), id="MaxRecursion"),
        pytest.param("MaxScanTime", "1", "120000", archive(*([NOISE] * 4)), id="MaxScanTime"),
    ],
)
def test_the_limit_that_the_threat_ends_with(installed: Host, limit: str, low: str, high: str, upload: bytes) -> None:
    """Of archive-limits, where uploads over a limit are blocked (AlertExceedsMax)."""
    here = installed
    here.install()
    here.write(CLAMD, "AlertExceedsMax yes", f"{limit} {low}")
    here.restart()
    assert f"Heuristics.Limits.Exceeded.{limit}" == here.threat(upload)

    here.write(CLAMD, f"{limit} {high}")
    here.restart_clamd()
    assert "" == here.threat(upload)


def test_a_time_limit_passes_what_takes_longer(installed: Host) -> None:
    """Hence `AlertExceedsMax yes` beside MaxScanTime, in slow-requests and icap-timeout."""
    here = installed
    here.install()
    slow = archive(*([NOISE] * 4), eicar())
    here.restart()
    assert "Eicar-Test-Signature.UNOFFICIAL" == here.threat(slow)

    here.write(CLAMD, "MaxScanTime 1")
    here.restart_clamd()
    assert "" == here.threat(slow)
    here.write(CLAMD, "AlertExceedsMax yes")
    here.restart_clamd()
    assert "Heuristics.Limits.Exceeded.MaxScanTime" == here.threat(slow)


def test_more_threads_and_a_longer_queue(installed: Host) -> None:
    """clamd takes MaxThreads and MaxQueue, and says so."""
    here = installed
    here.install()
    here.write(CLAMD, "MaxThreads 24", "MaxQueue 48")
    here.restart()
    assert "max 24" in here.run(f"{STATS} | tr '\\0' '\\n'")
    nothing_is_wrong(here.check(AVSCAN, "--eicar"))


@SLOW
def test_a_stream_is_no_longer_than_its_limit(installed: Host) -> None:
    """StreamMaxLength, of size-limit-pass: what is behind it is not scanned and passes, as with squidclamav."""
    here = installed
    here.install()
    scan = "cat > /run/long; clamdscan --stream /run/long"
    late = os.urandom(2 * MIB) + eicar()
    here.write(CLAMD, "StreamMaxLength 1M")
    here.restart_clamd()
    assert "/run/long: OK" in here.run(scan, given=late)

    here.write(CLAMD, "StreamMaxLength 100M")
    here.restart_clamd()
    assert "/run/long: Eicar-Test-Signature.UNOFFICIAL FOUND" in here.run(scan, given=late, fails=True)


@SLOW
def test_a_limit_of_the_engine_is_raised_or_blocks(installed: Host) -> None:
    here = installed
    here.install()
    here.write(VIRUS_SCAN, SCANNED)
    here.write(CLAMD, "MaxFileSize 1M", "MaxScanSize 1M")
    here.restart()
    passing = here.check(AVSCAN, *DEEP)
    assert "size-limit-pass" == passing.report["problems"][0]["finding"]
    assert advises(passing, "raise MaxFileSize and MaxScanSize in clamd.conf, set `AlertExceedsMax yes`")

    here.write(CLAMD, "AlertExceedsMax yes")
    here.restart_clamd()
    assert "size-limit-pass" not in here.check(AVSCAN, *DEEP).findings()
    here.write(CLAMD, "MaxFileSize 50M", "MaxScanSize 50M")
    here.restart_clamd()
    nothing_is_wrong(here.check(AVSCAN, *DEEP))


@SLOW
def test_libclamav_has_a_limit_of_its_own(installed: Host) -> None:
    """`clamav_mod.MaxScanSize`; what clamd.conf says has no effect."""
    here = installed
    here.install()
    text = here.file(VIRUS_SCAN).read_text().replace("Include clamd_mod.conf", "Include clamav_mod.conf")
    here.file(VIRUS_SCAN).write_text(text)
    here.write(VIRUS_SCAN, SCANNED)
    here.write(CLAMAV_MOD, "clamav_mod.MaxScanSize 1M", "clamav_mod.MaxFileSizeInArchive 1M")
    here.restart()
    passing = here.check(AVSCAN, *DEEP)
    assert "size-limit-pass" == passing.report["problems"][0]["finding"]
    assert advises(
        passing, "raise clamav_mod.MaxScanSize (100M) and clamav_mod.MaxFileSizeInArchive in clamav_mod.conf"
    )

    here.write(CLAMAV_MOD, "clamav_mod.MaxScanSize 100M", "clamav_mod.MaxFileSizeInArchive 100M")
    here.restart_c_icap()
    nothing_is_wrong(here.check(AVSCAN, *DEEP))


def test_archives_are_opened(installed: Host) -> None:
    """`ScanArchive yes`, of eicar-in-form-passes."""
    here = installed
    here.install()
    here.write(CLAMD, "ScanArchive no")
    here.restart()
    assert "" == here.threat(archive(eicar()))

    here.write(CLAMD, "ScanArchive yes")
    here.restart_clamd()
    assert "Eicar-Test-Signature.UNOFFICIAL" == here.threat(archive(eicar()))


@pytest.mark.parametrize("exception", ["local.ign2", pytest.param("local.fp", marks=SLOW)])
def test_an_exception_for_eicar_is_removed(installed: Host, exception: str) -> None:
    here = installed
    here.install()
    hashed = f"{md5(eicar(), usedforsecurity=False).hexdigest()}:{len(eicar())}:Eicar-Test-Signature\n"
    text = {"local.fp": hashed, "local.ign2": "Eicar-Test-Signature\n"}[exception]
    here.file(f"{DATABASES}/{exception}").write_text(text)
    here.restart()
    passing = here.check(AVSCAN, "--eicar")
    assert "eicar-not-detected" in passing.findings("critical")
    assert advises(passing, "Look for EICAR in /var/lib/clamav/*.ign2 and *.fp, and remove it")

    here.run(f"rm {DATABASES}/*.ign2 {DATABASES}/*.fp", fails=True)  # one of them is not there
    here.restart_clamd()
    nothing_is_wrong(here.check(AVSCAN, "--eicar"))


PUA = "PUA.Win.Packer.Test"
MARK = b"icapdiag: possibly unwanted"


@pytest.mark.parametrize(
    ("engine", "on", "off"),
    [
        ("clamd", "DetectPUA yes", "DetectPUA no"),
        pytest.param("clamd", "DetectPUA yes", "ExcludePUA Win.Packer", marks=SLOW),
        pytest.param("clamav", "clamav_mod.DetectPUA on", "clamav_mod.DetectPUA off", marks=SLOW),
    ],
)
def test_unwanted_programs(installed: Host, engine: str, on: str, off: str) -> None:
    """Of blocked-unwanted-program."""
    here = installed
    here.install()
    here.file(f"{DATABASES}/lab.ndu").write_text(f"{PUA}:0:*:{MARK.hex()}\n")
    text = here.file(VIRUS_SCAN).read_text().replace("Include clamd_mod.conf", f"Include {engine}_mod.conf")
    here.file(VIRUS_SCAN).write_text(text)
    settings = CLAMD if engine == "clamd" else CLAMAV_MOD
    here.write(settings, on)
    here.restart()
    assert f"{PUA}.UNOFFICIAL" == here.threat(MARK)

    here.write(settings, off)
    here.restart()
    assert "" == here.threat(MARK)


def test_clamd_needs_a_signature_to_start(installed: Host) -> None:
    """`freshclam` brings it, here from a file. Without clamd c-icap starts, and has no engine."""
    need("freshclam")
    here = installed
    here.install()
    here.run(f"mv {DATABASES}/lab.ndb /run/own.ndb && chown clamav {DATABASES}")
    with pytest.raises(AssertionError, match="ended with"):
        here.restart_clamd()
    here.restart_c_icap()
    without = here.check(AVSCAN)
    assert "no-engine-loaded" == without.report["problems"][0]["finding"]
    assert advises(without, "`freshclam && ls -l /var/lib/clamav`")

    standard = [f"ExcludeDatabase {name}" for name in ("main", "daily", "bytecode")]
    here.write("/etc/clamav/freshclam.conf", "DatabaseCustomURL file:///run/own.ndb", *standard)
    assert "own.ndb" in here.run("freshclam && ls -l /var/lib/clamav").splitlines()[-1]
    here.restart()
    nothing_is_wrong(here.check(AVSCAN, "--eicar"))
