"""`lint`: the objects of an Avi configuration are read, the runbooks judge them, and the report says it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

from msgspec.structs import replace

from icapdiag.avi.config.configuration import Unseen
from icapdiag.avi.config.forms import Wanted, collect
from icapdiag.avi.config.objects import AviObject
from icapdiag.avi.config.observe import NoSuchService, look
from icapdiag.bounded import read_file
from icapdiag.mistakes import FileError, Located, Problems, shown, visible
from icapdiag.model import Report
from icapdiag.recognise import LINT_COMMAND, LOOKED_AT, POOL_COMMAND, Recognised, recognised
from icapdiag.report.build import build_lint_report, reading_vantage
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.treefile import FileKind, read_tree
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
_WRONG = (
    "no object of Avi's that ICAP depends on: export the virtual service, its policy sets, ICAP profile, pool group and"
    " pools (API responses, an avi_config export, terraform show -json, Ansible values, AKO HostRule or L7Rule)"
)


class NotConfiguration(FileError):
    """Files that can't be read, or are no Avi configuration; each with what it is and what to do instead."""


def lint(
    paths: Sequence[str | PathLike[str]],
    *,
    virtual_services: Sequence[str] = (),
    runbooks: Library | None = None,
) -> Report:
    """Check an Avi configuration without any traffic: do uploads reach ICAP, and what is wrong on the way.

    ``paths`` are files or folders with objects in any of the forms that Avi's API, its exports, Ansible, Terraform and
    AKO have; together they are one configuration. ``virtual_services`` are names or uuids of those to look at: all that
    use ICAP, if there are none. ``runbooks`` (`icapdiag.runbook.load_runbooks`) are the program's own if they are None.
    What is not in the files is not visible, which the report says, and never wrong.

    Raises `NotConfiguration` with every mistake found.
    """
    library = load_runbooks() if runbooks is None else runbooks
    started_at = datetime.now(UTC)
    objects = read_objects([Path(path) for path in paths])
    try:
        looked = look(objects, [str(path) for path in paths], virtual_services)
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
        notes=[f"A runbook of yours replaces the built-in {name}." for name in library.replaced],
        not_tested=_not_visible(looked.unseen),
    )
    return replace(report, tool=replace(report.tool, runbooks=library.digest))


def read_objects(paths: Iterable[Path]) -> list[AviObject]:
    """The objects of all these files. Raises `NotConfiguration` with every mistake in them."""
    mistakes: list[Located] = []
    objects: list[AviObject] = []
    for path in _files(paths, mistakes):
        try:
            objects += _read(path)
        except FileError as error:
            mistakes += error.errors
    if mistakes:
        raise NotConfiguration(mistakes)
    return objects


def _files(paths: Iterable[Path], mistakes: list[Located]) -> Iterator[Path]:
    """The files, and those of the folders, whose names say that they may be a configuration."""
    for path in paths:
        try:
            inside = sorted(each for each in path.iterdir() if _is_named_so(each)) if path.is_dir() else None
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


def _is_named_so(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def _read(path: Path) -> list[AviObject]:
    file = str(path)
    try:
        root = read_tree(path, Wanted(), FILE)
        problems = Problems(file, NotConfiguration)
        report_tree(root, (), problems)
        problems.check()
        objects = list(collect(root, file))
    except FileError:
        other = _other(path)
        if other is not None and POOL_COMMAND not in other.instead:
            raise FILE.error(file, _said(other, file)) from None
        raise
    if not objects:
        other = _other(path)
        raise FILE.error(file, _said(other, file) if other else _WRONG, root.line, root.column)
    return objects


def _other(path: Path) -> Recognised | None:
    """What a file is instead of a configuration, by its first bytes; None if they do not show it."""
    try:
        found = recognised(read_file(path, LOOKED_AT, regular=True))
    except (OSError, ValueError):
        return None  # whoever reads it says it better
    return None if found is None or LINT_COMMAND in found.instead else found


def _said(found: Recognised, file: str) -> str:
    return f"this is {found.what}: {found.instead.format(file=file)}"


def _not_visible(unseen: Iterable[Unseen]) -> Iterator[str]:
    for each in unseen:
        owner = f"{each.owner.kind} {visible(each.owner.name[:100])}".rstrip()
        yield f"{each.kind} {visible(each.label[:100])} of {owner} ({each.why})"
