"""c-icap with ClamAV, set up wrongly in the ways that are met in the field; each server starts when it is asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.interop import c_icap, stand_ins
from tests.interop.programs import Namespace, Programs, free_port, need

TYPES = "virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GRAPHICS DOCUMENT STREAM\n"
SCANNER = c_icap.ANTIVIRUS + TYPES + c_icap.LIBCLAMAV
# Settings of c-icap, beside those of `SCANNER`.
SETTINGS: Mapping[str, str] = {
    "healthy": "",
    "access-denied": "acl all src 0.0.0.0/0.0.0.0\nicap_access deny all\n",
    "access-allowed": "acl all src 0.0.0.0/0.0.0.0\nicap_access allow all\n",
    "1M": "virus_scan.MaxObjectSize 1M\n",
    "50M": "virus_scan.MaxObjectSize 50M\n",
    "5000000": "virus_scan.MaxObjectSize 5000000\n",
}


@dataclass(slots=True)
class Scanners:
    """Servers on 127.0.0.1, by name; their files have names that begin with ``name``."""

    programs: Programs
    name: str = "scanner"
    ports: dict[str, int] = field(default_factory=dict)
    clamd: c_icap.Clamd = field(init=False)

    def __post_init__(self) -> None:
        self.clamd = c_icap.Clamd(self.programs, self.programs.folder / f"{self.name}-clamd.ctl")

    def port(self, name: str) -> int:
        """The port of c-icap with libclamav and these `SETTINGS`."""
        return self._once(name, SCANNER + SETTINGS[name], waits=name != "access-denied")

    def without_types(self) -> int:
        """Scans no type of file, which is c-icap's default."""
        return self._once("without-types", c_icap.ANTIVIRUS + c_icap.LIBCLAMAV)

    def with_clamd(self, name: str, settings: str = "") -> int:
        """Scans through clamd, which is there or not."""
        return self._once(name, c_icap.ANTIVIRUS + TYPES + c_icap.clamd_engine(self.clamd.socket_file) + settings)

    def with_a_limit(self, size: str) -> int:
        """Scans through a clamd that looks no further than that many bytes."""
        socket_file = self.programs.folder / f"{self.name}-limited-clamd.ctl"
        if not socket_file.exists():
            c_icap.start_clamd(self.programs, socket_file, settings=f"MaxFileSize {size}\nMaxScanSize {size}\n")
        return self._once("limited", c_icap.ANTIVIRUS + TYPES + c_icap.clamd_engine(socket_file))

    def squidclamav(self, behind: int) -> int:
        """What speaks as squidclamav does, with a virus_scan behind it."""
        name = f"squidclamav-{behind}"
        if name not in self.ports:
            self.ports[name] = stand_ins.squidclamav(self.programs, behind)
        return self.ports[name]

    def without_templates(self) -> int:
        """Finds no templates for the pages with which it blocks. The last setting counts."""
        return self._once("without-templates", f"{SCANNER}TemplateDir /nonexistent/\n")

    def no_temporary_files(self) -> int:
        """Runs as a user who may not write to TmpDir."""
        folder = self.programs.folder / "forbidden"
        folder.mkdir(mode=0o700, exist_ok=True)
        return self._once("no-temporary-files", f"{SCANNER}TmpDir {folder}\n")

    def full_disk(self) -> int:
        """c-icap whose TmpDir has little room left."""
        folder = self.programs.folder / "full"
        folder.mkdir(exist_ok=True)
        fill = f"mount -t tmpfs -o size=1m,mode=1777 tmpfs {folder} && head -c 900000 /dev/zero > {folder}/fill"
        trial = [need("unshare"), "--mount", "mount", "-t", "tmpfs", "tmpfs", str(folder)]
        if subprocess.run(trial, capture_output=True, check=False).returncode != 0:
            pytest.skip("no file system can be mounted here")
        inside = [need("unshare"), "--mount", "sh", "-ec", f'{fill}; exec "$0" "$@"']
        return self._once("full-disk", f"{SCANNER}TmpDir {folder}\n", inside=inside)

    def _once(self, name: str, services: str, *, waits: bool = True, inside: list[str] | None = None) -> int:
        if name not in self.ports:
            port = free_port()
            c_icap.start(
                self.programs,
                f"{self.name}-{name}",
                [("127.0.0.1", port)],
                services,
                namespace=None if waits else Namespace(),  # whose answer is not waited for
                inside=inside or (),
            )
            self.ports[name] = port
        return self.ports[name]
