"""Real ICAP servers, three Service Engines that really send to them, and a Controller that reports what came of it.

Each of them is in a network of its own, and so is the host that ``icapdiag`` runs on ("here"). What became of each
request and of each health monitor is what happened; only the times in the log are set, so that an hour takes seconds.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from icapdiag.controller.credentials import PASSWORD
from icapdiag.model import Report
from icapdiag.report.machine.from_json import read_report
from tests.cli.run import environment
from tests.controller import pulls
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.entries import OUTCOMES, Entry
from tests.controller.simulated.inventory import ENGINES, SERVICES, Member, Object
from tests.controller.simulated.truth import Truth, to_query
from tests.interop import c_icap
from tests.interop.capturing import Network
from tests.interop.clients import ICAPDIAG
from tests.interop.programs import Namespace, Program, Programs, need
from tests.interop.routed import run
from tests.interop.scanners import TYPES

HERE, *NAMED = ("here", "se-1", "se-2", "se-3")
_HOURS = 1
_NUMBERS = {outcome.name: number for number, outcome in enumerate(OUTCOMES)}
_DOWN = {"setup-refused": "CONNECTION_REFUSED", "setup-timed-out": "CONNECTION_TIMEOUT"}
_SERVERS = """
ip link set lo up
ip address add 192.0.2.15/32 dev lo
ip address add 192.0.2.16/32 dev lo
ip address add 198.51.100.7/32 dev lo
nft add table inet rows
nft add chain inet rows arrival '{ type filter hook input priority 0; }'
"""


@dataclass(slots=True)
class Site:
    """The networks, and the servers that run. ``PORTAL`` fails open, ``MAIL`` fails closed."""

    programs: Programs
    servers: Namespace
    peers: dict[str, Namespace]
    running: dict[str, Program] = field(default_factory=dict)
    clamd: c_icap.Clamd = field(init=False)
    files: int = 0

    def __post_init__(self) -> None:
        self.clamd = c_icap.Clamd(self.programs, self.programs.folder / "site-clamd.ctl")

    def start(self, member: Member, path: str, *, types: bool = True) -> None:
        """c-icap, which scans through clamd if that runs by now; ``types`` False: it scans no type of file."""
        services = (
            f"Service antivirus_module virus_scan.so\nServiceAlias {path[1:]} virus_scan?allow204=on&sizelimit=off\n"
            + (TYPES if types else "")
            + c_icap.clamd_engine(self.clamd.socket_file)
        )
        self.files += 1
        name = f"site-{self.files}"
        listen = [(member.address, member.port)]
        self.running[member.name] = c_icap.start(self.programs, name, listen, services, namespace=self.servers)
        sending(self.servers, member, path, 0)

    def stop(self, *members: Member) -> None:
        self.programs.stop(*(self.running.pop(each.name) for each in members if each.name in self.running))

    @contextmanager
    def filtered(self, *rules: str) -> Iterator[None]:
        """While the block runs, the nft rules hold for what arrives at the servers."""
        for rule in rules:
            run(self.servers, f"nft 'add rule inet rows arrival {rule}'")
        try:
            yield
        finally:
            run(self.servers, "nft flush chain inet rows arrival")

    @contextmanager
    def captured(self, engine: str) -> Iterator[Path]:
        """While the block runs, tcpdump on this Service Engine writes the file."""
        self.files += 1
        with Network(self.programs, self.peers[engine], Path(), interface="wan").capturing(
            name=f"{engine}-{self.files}"
        ) as file:
            yield file

    def clear(self) -> None:
        """As it was in the beginning: no server runs."""
        self.programs.stop(*self.running.values())
        self.running.clear()
        self.clamd.stop()


@contextmanager
def site(programs: Programs) -> Iterator[Site]:
    """The networks, where they can be made."""
    need("nft")
    made = programs.network("site-servers", _SERVERS)
    if made is None:
        pytest.skip("no network namespace can be made here")
    keepers, peers = [made[0]], {}
    for number, name in enumerate((HERE, *NAMED), 1):
        peer = programs.network(f"site-{name}", "ip link set lo up")
        assert peer is not None
        keepers.append(peer[0])
        peers[name] = peer[1]
        run(
            made[1],
            f"ip link add to-{name} type veth peer name wan netns {peer[1].pid}\n"
            f"ip address add 10.66.{number}.1/24 dev to-{name}\nip link set to-{name} up",
        )
        run(
            peer[1],
            f"ip address add 10.66.{number}.2/24 dev wan\nip link set wan up\n"
            f"ip route add default via 10.66.{number}.1",
        )
    found = Site(programs, made[1], peers)
    with c_icap.signature():
        try:
            yield found
        finally:
            found.clear()
            programs.stop(*reversed(keepers))


def sending(where: Namespace, member: Member, path: str, count: int, connecting: float = 1.0) -> list[str]:
    """The outcome of each of ``count`` uploads, by name, of which a connection may take so many seconds.

    0: waits until the member answers.
    """
    program = [*ICAPDIAG[:2], "tests.interop.sending"]
    argv = [*program, member.address, str(member.port), path, str(count), str(connecting)]
    done = subprocess.run(
        where.command(argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)) if count else []


@dataclass(slots=True)
class Outage:
    """What happened at one virtual service in the hour before ``end``, and what its Controller says of it."""

    site: Site
    folder: Path
    service: int = 0  # of SERVICES
    members: tuple[int, ...] = (0, 1)  # of the service's
    throttle: int = 0
    connecting: float = 1.0  # seconds that a Service Engine waits for a connection
    end: int = field(default_factory=lambda: int(time.time()) * 1_000_000)
    entries: list[Entry] = field(default_factory=list)
    rules: Callable[[list[Object]], object] = list  # what is done to those of the policy set
    down: dict[tuple[str, str], str] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        return SERVICES[self.service].service_path

    def member(self, number: int) -> Member:
        return SERVICES[self.service].members[number]

    def start(self, *, types: bool = True) -> None:
        """All its members."""
        for number in self.members:
            self.site.start(self.member(number), self.path, types=types)

    def browses(self, count: int) -> None:
        """So many requests in the hour that no rule sends to ICAP."""
        start = self.end - _HOURS * 3600 * 1_000_000
        for number in range(1, count + 1):
            at = start + number * _HOURS * 3600 * 1_000_000 // (count + 1)
            self.entries.append(Entry(at, 0, 0, number, self.service, _NUMBERS["page"], 0, number))

    def sends(
        self, count: int, *, since: float, until: float, members: Sequence[int] = (), engines: Sequence[int] = (0, 1, 2)
    ) -> Counter[str]:
        """Each of the Service Engines sends ``count`` uploads to each member, in this part of the hour (0 to 1)."""
        found: Counter[str] = Counter()
        start = self.end - _HOURS * 3600 * 1_000_000
        for engine in engines:
            for number in members or self.members:
                outcomes = sending(
                    self.site.peers[NAMED[engine]], self.member(number), self.path, count, self.connecting
                )
                found += Counter(outcomes)
                for index, outcome in enumerate(outcomes):
                    share = since + (until - since) * (index + (engine + number / 10) / 3) / count
                    at = start + round(share * _HOURS * 3600 * 1_000_000)
                    number_ = len(self.entries) + 1
                    self.entries.append(Entry(at, engine, 0, number_, self.service, _NUMBERS[outcome], number, number_))
        return found

    def monitors(self) -> None:
        """The health monitor of each Service Engine."""
        for engine, name in zip(ENGINES, NAMED, strict=True):
            for number in self.members:
                member = self.member(number)
                (outcome,) = sending(self.site.peers[name], member, self.path, 1, self.connecting)
                if outcome in _DOWN:
                    self.down[member.name, engine] = _DOWN[outcome]

    def pull(self) -> None:
        """What ``icapdiag pull`` gets of it becomes a source."""
        truth = Truth(0, self.end - _HOURS * 3600 * 1_000_000, _HOURS, throttle=self.throttle, given=self.entries)
        served, pulled = self.folder / "served", self.folder / "pulled"
        served.mkdir()
        with Controller.serving(served, truth) as controller:
            self._configure(controller)
            options = ["--controller", controller.address, "--user", pulls.USER, "--ca-file", str(controller.ca_file)]
            span = ["--since", to_query(truth.start), "--until", to_query(truth.end + 1), "--rate", "1000"]
            only = ["--virtual-service", SERVICES[self.service].name]
            argv = [*ICAPDIAG, "pull", *options, *span, *only, "-d", str(pulled)]
            self._run(argv, {PASSWORD: pulls.PASSWORD})
        self.sources.append(str(pulled))

    def _configure(self, controller: Controller) -> None:
        names = {self.member(number).name: self.member(number) for number in self.members}
        pools = {each.pool for each in names.values()}
        controller.state.members = tuple(names.values())
        controller.state.down |= self.down
        for pool in controller.store.objects["pool"]:
            pool["servers"] = [
                each
                for each in pool["servers"]
                if f"{each['ip']['addr']}:{each['port']}" in names or pool["name"] not in pools
            ]
        for each in controller.store.objects["pool"]:
            each.pop("ssl_profile_ref", None)
        for policies in controller.store.objects["httppolicyset"]:
            self.rules(policies["http_security_policy"]["rules"])
        for group in controller.store.objects["poolgroup"]:
            group["members"] = group["members"][:1]

    def check(self, name: str) -> Path:
        """A check from here, saved as a source of later diagnoses."""
        file = self.folder / name
        argv = [*ICAPDIAG, "check", str(self.pool_file()), "--eicar", "-o", f"json={file}"]
        self._run(self.site.peers[HERE].command(argv))
        self.sources.append(str(file))
        return file

    def script(self, *engines: str) -> None:
        """The output of ``icapdiag se-script`` on each of these Service Engines becomes a source."""
        script = self.folder / "se-script.sh"
        script.write_bytes(self._run([*ICAPDIAG, "se-script", str(self.pool_file()), "--timeout", "2"]))
        for engine in engines:
            named = [need("unshare"), "--uts", "sh", "-c", f"hostname {engine} && exec bash {script}"]
            file = self.folder / f"{engine}.txt"
            file.write_bytes(self._run(self.site.peers[engine].command(named)))
            self.sources.append(str(file))

    def pool_file(self) -> Path:
        file = self.folder / "pool.yaml"
        members = ", ".join(f"'{self.member(number).name}'" for number in self.members)
        file.write_text(f"service_uri: {self.path}\nmembers: [{members}]\n")
        return file

    def diagnosed(self) -> Report:
        """``icapdiag diagnose SOURCES --check --eicar`` from here."""
        argv = [*ICAPDIAG, "diagnose", *self.sources, "--check", "--eicar", "-o", "json"]
        return read_report(self._run(self.site.peers[HERE].command(argv)))

    @staticmethod
    def _run(argv: list[str], more: dict[str, str] | None = None) -> bytes:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False, env=environment(more or {})
        )
        assert done.returncode in {0, 1}, (argv, done.stdout.decode(), done.stderr.decode())
        return done.stdout
