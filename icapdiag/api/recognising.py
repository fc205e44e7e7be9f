"""What each source of `diagnose` is: by its content, never by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from icapdiag.api.explaining import head_of
from icapdiag.api.linting import objects_in
from icapdiag.bounded import read_file
from icapdiag.capture.file import is_capture
from icapdiag.controller.folder import PullFolder, is_pull_folder
from icapdiag.logs.opening.inputs import InputError, expand_inputs
from icapdiag.logs.opening.source import Stop
from icapdiag.mistakes import FileError
from icapdiag.model import Report
from icapdiag.recognise import LINT_COMMAND, LOOKED_AT, POOL_COMMAND, recognised
from icapdiag.report.machine.from_json import LARGEST, NotAReport, read_report
from icapdiag.script.frames import is_output

_REPORT = re.compile(rb'\A\s*\{\s*"(?:redacted|schema_version)"')
_OBJECTS = re.compile(rb"\A\s*[\[{]|\A(?:---|#|[A-Za-z_]+:)")  # JSON or YAML, which may be a configuration
_POOL = re.compile(rb"^members[ \t]*:", re.MULTILINE)  # of a pool file whose service_uri stands within a line
_MOST = 64 << 20  # bytes of a file that may be a configuration without saying so at its beginning


class Sorted(Struct):
    """The sources by what they are, each by the name that it was given."""

    logs: list[str] = []
    captures: list[str] = []
    outputs: list[str] = []  # of scripts
    configurations: list[str] = []
    pools: list[str] = []
    reports: list[tuple[str, Report]] = []
    folders: list[PullFolder] = []


def sort(sources: Sequence[str], stop: Stop | None = None) -> Sorted:
    """Raises `InputError` with every source that can't be opened, or is a folder that no `pull` made."""
    found = Sorted()
    folders = [each for each in sources if Path(each).is_dir()]
    strange = [each for each in folders if not is_pull_folder(Path(each))]
    errors = [f"{each}: a folder without pull.json: name the files in it" for each in strange]
    if errors:
        raise InputError(errors)
    found.folders += (PullFolder(Path(each)) for each in folders)
    for name in expand_inputs([each for each in sources if each not in folders]):
        _sort(name, head_of(name, stop), found, errors)
    if errors:
        raise InputError(errors)
    return found


def _sort(name: str, head: bytes, found: Sorted, errors: list[str]) -> None:
    kinds: tuple[tuple[Callable[[bytes], bool], list[str]], ...] = (
        (is_capture, found.captures),
        (is_output, found.outputs),
    )
    listed = next((names for test, names in kinds if test(head)), None)
    if listed is not None:
        listed.append(name)
    elif _REPORT.search(head[:LOOKED_AT]):
        try:
            found.reports.append((name, read_report(read_file(Path(name), LARGEST))))
        except NotAReport as error:
            errors += (f"{name}: {problem}" for problem in error.problems)
        except OSError as error:
            errors.append(f"{name}: {error.strerror or error}")
    else:
        _of_text(name, head, found)


def _of_text(name: str, head: bytes, found: Sorted) -> None:
    said = recognised(head)
    if said is not None and LINT_COMMAND in said.instead:
        found.configurations.append(name)
    elif (said is not None and POOL_COMMAND in said.instead) or (said is None and _POOL.search(head[:LOOKED_AT])):
        found.pools.append(name)
    elif said is None and _OBJECTS.search(head[:LOOKED_AT]) and _has_objects(name):
        found.configurations.append(name)
    else:
        found.logs.append(name)


def _has_objects(name: str) -> bool:
    """Whether it is a configuration whose beginning does not show it, as one object of the API."""
    try:
        data = read_file(Path(name), _MOST, regular=True)
        return len(data) <= _MOST and bool(objects_in(data, name))
    except (OSError, ValueError, FileError):
        return False
