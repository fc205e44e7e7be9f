"""`diagnose`: each source is read by the function of its own command, then all are compared and judged together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from os import PathLike, fspath
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from icapdiag.api.explaining import explain
from icapdiag.api.linting import lint
from icapdiag.api.recognising import Sorted, sort
from icapdiag.api.suppressing import configured, resolve
from icapdiag.avi.addresses import host_port, to_address
from icapdiag.bounded import read_file
from icapdiag.facts.config import LintSubject
from icapdiag.facts.joined import JOINED, Event, EvidenceSource
from icapdiag.facts.run import Configuration, PoolSubject, ProfileSettings
from icapdiag.joined import controller as controllers
from icapdiag.joined.controller import Controller
from icapdiag.joined.join import Joined, join
from icapdiag.joined.members import Monitored, Pools
from icapdiag.joined.source import NotJoinable, Source
from icapdiag.joined.whole import Measured
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.opening.inputs import InputError
from icapdiag.logs.opening.source import Stop
from icapdiag.logs.reading import Progress
from icapdiag.model import Facts, Report
from icapdiag.pool import Pool, PoolError, load_pool
from icapdiag.pool.avi import Choice
from icapdiag.report.joining import Judgement, build_joined_report
from icapdiag.report.machine.from_json import LARGEST
from icapdiag.runbook import Library, load_runbooks, match

Check = Callable[[Pool], Report]
_ANY = Choice()
_MOST_PROFILES = 10  # whose pools are read
_NO_POOL = "nothing to check: give a pool file, or a configuration with one ICAP profile and its pools"


class Read(Struct, frozen=True):
    """All sources, read. ``pool``: the one that they are about, where a source describes it."""

    given: Sorted
    sources: list[Source]
    pool: Pool | None
    comparable: bool  # the counters of a pull, with the logs
    only: frozenset[str]  # servers, by host:port: those of the virtual service that was chosen; empty: all


def diagnose(
    sources: Sequence[str | PathLike[str]],
    *,
    check: Check | None = None,
    choice: Choice = _ANY,
    since: datetime | None = None,
    until: datetime | None = None,
    runbooks: Library | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
    refused: Callable[[str], object] = lambda _: None,
) -> Report:
    """Hold sources side by side: is traffic being scanned, what did users get, since when, at which member, and why.

    ``sources`` are files of any kind that `explain` and `lint` read, pool files, saved reports, and folders of
    ``icapdiag pull``. ``check`` probes the pool that a pool file, or else the configuration, describes, and returns its
    report; None: nothing is probed. ``choice`` says which ICAP profile of several is meant, and which virtual service
    in Avi's logs. Of logs and captures only ``since`` ≤ time < ``until`` counts. ``runbooks`` are the program's own if
    they are None. ``progress``, ``stop`` and ``refused`` are those of `explain`.

    Raises `InputError` for sources that can't be opened or joined, `FileError` for mistakes in them.
    """
    library = load_runbooks() if runbooks is None else runbooks
    started_at = datetime.now(UTC)
    inputs = [fspath(each) for each in sources]
    read = _read(inputs, choice, Filters(since=since, until=until), library, progress, stop, refused)
    found = list(read.sources)
    if check is not None:
        if read.pool is None:
            raise InputError([_NO_POOL])
        found.append(Source(read.pool.name or read.pool.source, check(resolve(read.pool, library))))
    try:
        kinds = {each.kind for each in found}
    except NotJoinable as error:
        raise InputError([str(error)]) from None
    if not kinds:
        raise InputError(["a pool file alone shows nothing: give logs, a configuration or reports, too, or --check"])
    return _judged(found, read, library, inputs=inputs, started_at=started_at)


def _read(
    inputs: Sequence[str],
    choice: Choice,
    filters: Filters,
    library: Library,
    progress: Progress | None,
    stop: Stop | None,
    refused: Callable[[str], object],
) -> Read:
    given = sort(inputs, stop)
    explained = any(report.command == "explain" for _, report in given.reports)
    of_service = replace(filters, vs=choice.virtual_service)
    comparable = len(given.folders) == 1 and not (given.logs or explained or of_service)
    for folder in given.folders:
        given.configurations.append(str(folder.config))
        given.logs += map(str, folder.log_files())
    pool, pool_file = _pool(given, choice)
    found = [Source(name, report) for name, report in given.reports]
    if given.configurations:
        services = [choice.virtual_service] if choice.virtual_service else []
        report = lint(given.configurations, virtual_services=services, runbooks=library)
        found.append(Source(_named(given.configurations), report))
    of_pool = replace(filters, pool=pool_file)
    for names, own in ((given.logs, of_service), (given.captures, of_pool), (given.outputs, Filters())):
        if names:
            report = explain(
                names,
                filters=own,
                runbooks=library,
                profile=_stated(pool) if pool else None,
                progress=progress,
                stop=stop,
                refused=refused,
            )
            found.append(Source(_named(names), report))
    return Read(given, found, pool, comparable, _servers(pool) if choice.virtual_service else frozenset())


def _named(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"


def _pool(given: Sorted, choice: Choice) -> tuple[Pool | None, str | None]:
    """The pool of the pool file, otherwise of the configuration if there is just one; and the file it is in.

    Raises `InputError`, and `PoolError` for a pool file.
    """
    if len(given.pools) > 1:
        raise InputError([f"one pool file at a time: {given.pools[0]} and {given.pools[1]} are two"])
    if given.pools:
        return load_pool(Path(given.pools[0])), given.pools[0]
    for name in given.configurations if len(given.configurations) == 1 else ():
        try:
            return load_pool(Path(name), **choice._asdict()), name
        except PoolError:  # several profiles, or a part of a configuration: what is wrong with it, lint says
            return None, None
    return None, None


def _judged(
    found: Sequence[Source], read: Read, library: Library, *, inputs: Sequence[str], started_at: datetime
) -> Report:
    profile = _profile(found, read.pool)
    pool = read.pool.name if read.pool else _name_of(found)
    stated = profile.get("fail_action")
    controller = _controller(read)
    joined = join(
        found,
        inputs=inputs,
        pool=pool,
        service_uri=_text(profile.get("service_uri")),
        fail_action=_text(stated),
        pools=_pools(found, read),
        controller=controller,
    )
    shown = joined.shown.members if joined.shown else ()
    around = [replace(each, pool=pool) for member in shown for each in member.probes]
    objects = [configured(read.pool, each) for each in read.pool.objects] if read.pool else []
    matched = match(library, (*joined.observations, *around, *objects), profile=profile)
    replaced = (f"A runbook of yours replaces the built-in {name}." for name in library.replaced)
    together = {each.id for each in library.runbooks if JOINED in each.source}
    return build_joined_report(
        subject=joined.subject,
        shown=joined.shown,
        parts=[each.report for each in found],
        judgement=Judgement(
            findings=[each for each in matched.findings if each.id in together],
            problems=[each for each in matched.problems if each.finding in together],
            explains={name: library.explains(name) for name in together},
            names=joined.names,
            notes=[*controller.notes, *replaced],
            complete=controller.complete,
        ),
        configuration=_configuration(joined, read.pool),
        digest=library.digest,
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )


def _controller(read: Read) -> Controller:
    """What the folders of pulls say beside configuration and logs. Raises `NotAPull` for a damaged folder.

    Counters are compared with logs only where all logs are of the same pull, and whole.
    """
    monitored: dict[str, Monitored] = {}
    events: list[Event] = []
    notes: list[str] = []
    described: list[EvidenceSource] = []
    complete = True
    for folder in read.given.folders:
        pull = folder.pull()
        states = controllers.monitored(folder.runtime(), pull.finished_at)
        monitored |= {key: state for key, state in states.items() if key in read.only or not read.only}
        described.append(controllers.described(str(folder.path), pull))
        notes += controllers.missing(pull)
        complete = complete and pull.complete
    for name in read.given.configurations:
        events += controllers.changes(_json(Path(name)))
    measured = controllers.measured(read.given.folders[0].metrics()) if read.comparable else Measured()
    return Controller(
        monitored=monitored,
        measured=measured,
        changes=tuple(events),
        sources=tuple(described),
        notes=tuple(notes),
        complete=complete,
    )


def _json(path: Path) -> object:
    """What is in a JSON file; None for any other, which `lint` reads or refuses."""
    try:
        return msgspec.json.decode(read_file(path, LARGEST))
    except (OSError, ValueError, RecursionError):
        return None


def _pools(found: Sequence[Source], read: Read) -> Pools:
    """The servers of the pool; of a configuration with several ICAP profiles those of each virtual service."""
    if read.pool is not None:
        return Pools(_servers(read.pool))
    by_profile: dict[str, list[str]] = {}
    for subject in (each.report.subject for each in found):
        for service in subject.services if isinstance(subject, LintSubject) else ():
            if service.profile and service.name:
                by_profile.setdefault(service.profile, []).append(service.name)
    if len(read.given.configurations) != 1 or not 1 < len(by_profile) <= _MOST_PROFILES:
        return Pools()
    known: dict[str, frozenset[str]] = {}
    for names in by_profile.values():
        try:
            servers = _servers(load_pool(Path(read.given.configurations[0]), virtual_service=names[0]))
        except PoolError:  # what is wrong with it, lint says
            continue
        known |= dict.fromkeys(names, servers) if servers else {}
    return Pools(
        frozenset[str]().union(*known.values()) if len(known) == sum(map(len, by_profile.values())) else frozenset(),
        known,
    )


def _servers(pool: Pool | None) -> frozenset[str]:
    """Those of the pool by ``host:port``; none if one has a name, whose address is not known."""
    found = pool.members if pool is not None else ()
    if not all(to_address(each.host) for each in found):
        return frozenset()
    return frozenset(host_port(each.host, each.port) for each in found)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _name_of(found: Sequence[Source]) -> str:
    subjects = (each.report.subject for each in found)
    return next((each.pool for each in subjects if isinstance(each, PoolSubject) and each.pool), "")


def _profile(found: Sequence[Source], pool: Pool | None) -> Facts:
    """The settings that a source states: of the pool, otherwise of the latest report that has them."""
    if pool is not None:
        return _stated(pool)
    for each in reversed(found):
        settings = each.report.configuration.profile
        if settings is not None and settings.stated:
            return {name: value for name, value in asdict(settings).items() if name in settings.stated}
    return {}


def _stated(pool: Pool) -> Facts:
    """The settings of the profile that the pool's source states."""
    return {name: value for name, value in asdict(pool.profile).items() if name in pool.stated}


def _configuration(joined: Joined, pool: Pool | None) -> Configuration:
    if joined.shown is not None and joined.shown.configuration.profile is not None:
        return joined.shown.configuration
    if pool is None:
        return Configuration()
    settings = ProfileSettings(**asdict(pool.profile), stated=tuple(sorted(pool.stated)))
    return Configuration(pool=pool.name, source=pool.source, profile=settings)
