"""`lint`: the objects of an Avi configuration are read, the runbooks judge them, and the report says it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.addresses import host_port
from icapdiag.avi.config.configuration import Unseen
from icapdiag.avi.config.forms import Wanted, collect
from icapdiag.avi.config.objects import AviObject
from icapdiag.avi.config.observe import NoSuchService, look
from icapdiag.avi.config.offers import Offer
from icapdiag.controller.folder import configuration_in
from icapdiag.facts.answer import Answer
from icapdiag.mistakes import FileError, Located, Problems, shown, visible
from icapdiag.model import Report
from icapdiag.recognise import LINT_COMMAND, LOOKED_AT, POOL_COMMAND, Recognised, recognised
from icapdiag.report.build import build_lint_report, reading_vantage
from icapdiag.report.machine.from_json import NotAReport, read_report
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.treefile import STDIN, FileKind, parse_tree, read_data, read_stdin
from icapdiag.yamltree import report as report_tree

FILE = FileKind(
    name="an Avi configuration",
    in_folder="name the files in it",
    too_large="of an export keep the virtual services, policy sets, ICAP profiles, pool groups and pools",
    empty="empty: export the virtual service, its policy sets, ICAP profile, pool group and pools",
    several=True,
)
MOST_FILES = 1000
_SUFFIXES = frozenset({".json", ".yaml", ".yml", ".tf.json", ".tfstate"})
_LISTED = 10
_REPORT = re.compile(rb'\A\s*\{\s*"(?:redacted|schema_version)"')
_OPTIONS = "options"  # the probe
_STDIN = Path("-")  # on the command line
_NOTHING = "no object of Avi's that ICAP depends on"
_WRONG = (
    f"{_NOTHING}: export the virtual service, its policy sets, ICAP profile, pool group and"
    " pools (API responses, an avi_config export, terraform show -json, Ansible values, AKO HostRule or L7Rule)"
)


class NotConfiguration(FileError):
    """Files that can't be read, or are no Avi configuration; each with what it is and what to do instead."""


class _Irrelevant(NotConfiguration):
    """A file that can be read and is something else; ``said``: what it is, without what to do."""

    def __init__(self, errors: Iterable[Located], said: str) -> None:
        super().__init__(errors)
        self.said = said


def lint(
    paths: Sequence[str | PathLike[str]],
    *,
    virtual_services: Sequence[str] = (),
    runbooks: Library | None = None,
) -> Report:
    """Check an Avi configuration without any traffic: do uploads reach ICAP, and what is wrong on the way.

    ``paths`` are files, folders of `pull`, or other folders, with objects in any of the forms that Avi's API, its
    exports, Ansible, Terraform and AKO have, and ``-`` for standard input; together they are one configuration. A saved
    report of `check` among them says what previews and how many connections the servers accept. ``virtual_services``
    are names or uuids of those to look at: all that use ICAP, if there are none. ``runbooks``
    (`icapdiag.runbook.load_runbooks`) are the program's own if they are None. What is not in the files is not visible,
    which the report says, and never wrong.

    A file that is something else is left out, which the notes say, unless all are.

    Raises `NotConfiguration` with every mistake found.
    """
    library = load_runbooks() if runbooks is None else runbooks
    started_at = datetime.now(UTC)
    given = read_inputs([Path(path) for path in paths])
    try:
        looked = look(given.objects, [_name(Path(path)) for path in paths], virtual_services, given.offers)
    except NoSuchService as error:
        known = ", ".join(shown(name) for name in error.known[:_LISTED]) or "none"
        more = f" and {len(error.known) - _LISTED} more" if len(error.known) > _LISTED else ""
        message = f"no virtual service {shown(str(error))} in these files: there is {known}{more}"
        raise NotConfiguration([Located(file="", path="--virtual-service", message=message)]) from None
    matched = match(library, looked.observations)
    report = build_lint_report(
        subject=looked.subject,
        vantage=reading_vantage(),
        findings=matched.findings,
        problems=matched.problems,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        complete=looked.complete,
        notes=[
            *(f"{said}." for said in (*given.skipped, *looked.left_out)),
            *(f"A runbook of yours replaces the built-in {name}." for name in library.replaced),
        ],
        not_tested=_not_visible(looked.unseen),
    )
    return replace(report, tool=replace(report.tool, runbooks=library.digest))


class Inputs(Struct, frozen=True):
    """What the files hold: objects, and of reports what each server says in OPTIONS, by ``host:port``.

    ``skipped``: the files that are something else, in words.
    """

    objects: list[AviObject]
    offers: dict[str, Offer]
    skipped: list[str]


def read_inputs(paths: Iterable[Path]) -> Inputs:
    """What is in all these files. Raises `NotConfiguration` with every mistake in them."""
    mistakes: list[Located] = []
    irrelevant: list[Located] = []
    given = Inputs([], {}, [])
    for path in _files(dict.fromkeys(paths), mistakes):
        try:
            data, name = read_stdin(FILE) if path == _STDIN else read_data(path, FILE), _name(path)
            if _REPORT.search(data[:LOOKED_AT]):
                given.offers.update(offers_in(data, name))
            else:
                given.objects.extend(objects_in(data, name))
        except _Irrelevant as error:
            irrelevant += error.errors
            given.skipped.append(f"{visible(_name(path))} skipped: {error.said}")
        except FileError as error:
            mistakes += error.errors
    if mistakes or (irrelevant and not given.objects):
        raise NotConfiguration([*irrelevant, *mistakes])
    return given


def _files(paths: Iterable[Path], mistakes: list[Located]) -> Iterator[Path]:
    """The files, and those of the folders, whose names say that they may be a configuration."""
    for path in paths:
        if configuration := configuration_in(path):
            yield configuration
            continue
        try:
            is_folder = path != _STDIN and path.is_dir()
            inside = sorted(each for each in path.iterdir() if _is_named_so(each)) if is_folder else None
        except OSError as error:
            mistakes.append(Located(file=visible(str(path)), message=f"can't be read: {error.strerror or error}"))
            continue
        if inside is None:
            yield path
        elif not inside or len(inside) > MOST_FILES:
            what = f"a folder with more than {MOST_FILES} files" if inside else "a folder without JSON or YAML files"
            mistakes.append(Located(file=visible(str(path)), message=f"{what}: name the files of the configuration"))
        else:
            yield from inside


def _name(path: Path) -> str:
    """The file as messages and reports name it."""
    return STDIN if path == _STDIN else str(path)


def _is_named_so(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def objects_in(data: bytes, file: str) -> list[AviObject]:
    """The objects of a file. Raises `NotConfiguration`, or another `FileError`, with every mistake in it."""
    other = _other(data)
    try:
        root = parse_tree(data, file, Wanted(), FILE)
        problems = Problems(file, NotConfiguration)
        report_tree(root, (), problems)
        problems.check()
        objects = list(collect(root, file))
    except FileError:
        if other is not None and POOL_COMMAND not in other.instead:
            raise _irrelevant(other, file) from None
        raise
    if not objects:
        raise _irrelevant(other, file, root.line, root.column)
    return objects


def _irrelevant(other: Recognised | None, file: str, line: int | None = None, column: int | None = None) -> _Irrelevant:
    message = _said(other, file) if other else _WRONG
    errors = FILE.error(file, message, line, column).errors
    return _Irrelevant(errors, f"this is {other.what}" if other else _NOTHING)


def offers_in(data: bytes, file: str) -> dict[str, Offer]:
    """What each server of a saved report says in OPTIONS; of several answers the least. Raises `NotConfiguration`."""
    try:
        report = read_report(data)
    except NotAReport as error:
        raise NotConfiguration([Located(file=visible(file), message=problem) for problem in error.problems]) from None
    found: dict[str, Offer] = {}
    for member in report.members:
        for probe in member.probes:
            answer = probe.facts.part(Answer) if probe.probe == _OPTIONS else None
            if answer is not None:
                name = host_port(member.address, member.port).lower()
                known = found.get(name, Offer())
                connections = answer.max_connections or None  # 0 is no number of connections (RFC 3507, 4.10.2)
                found[name] = Offer(_least(answer.preview, known.preview), _least(connections, known.connections))
    return found


def _least(*values: int | None) -> int | None:
    return min((each for each in values if each is not None), default=None)


def _other(data: bytes) -> Recognised | None:
    """What a file is instead of a configuration, by its first bytes; None if they do not show it."""
    found = recognised(data[:LOOKED_AT])
    return None if found is None or LINT_COMMAND in found.instead else found


def _said(found: Recognised, file: str) -> str:
    return f"this is {found.what}: {found.instead.format(file=_STDIN if file == STDIN else file)}"


def _not_visible(unseen: Iterable[Unseen]) -> Iterator[str]:
    for each in unseen:
        owner = f"{each.owner.kind} {visible(each.owner.name[:100])}".rstrip()
        yield f"{each.kind} {visible(each.label[:100])} of {owner} ({each.why})"
