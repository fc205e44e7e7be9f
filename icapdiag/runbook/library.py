"""The runbooks in force: ours, and the site's on top. Finding and reading their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

from icapdiag.bounded import read_file
from icapdiag.mistakes import Located, suggestion
from icapdiag.runbook.document import SLUG, Runbook, parse_runbook
from icapdiag.runbook.index import read_index, runbook_files
from icapdiag.runbook.source import Front

BUILT_IN = "built-in"
FOLDER = "runbooks"  # how the path of a built-in runbook begins, wherever it is installed
PAGES = "pages"  # the folder in it with texts that belong to no diagnosis
_LARGEST = 256 * 1024  # bytes of one file


class UnknownRunbook(KeyError):
    """No runbook has this id or alias."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Library:
    """All runbooks in force, sorted by id.

    ``replaced`` has the ids of ours that a site runbook took the place of.
    """

    runbooks: tuple[Runbook, ...]
    replaced: tuple[str, ...] = ()
    _names: Mapping[str, Runbook] = field(init=False, repr=False, compare=False)
    _beaten: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {alias: runbook for runbook in self.runbooks for alias in runbook.aliases}
        names |= {runbook.id: runbook for runbook in self.runbooks}
        object.__setattr__(self, "_names", MappingProxyType(names))
        beaten = {runbook.id: frozenset(self._reach(runbook.id)) for runbook in self.runbooks}
        object.__setattr__(self, "_beaten", MappingProxyType(beaten))

    @property
    def digest(self) -> str:
        """Eight characters that change with any runbook: whether two reports were judged by the same."""
        return f"{crc32(repr([(each.id, each.checksum) for each in self.runbooks]).encode()):08x}"

    def by_id(self, name: str) -> Runbook:
        """The runbook with this id or alias; raises `UnknownRunbook`."""
        if name not in self._names:
            raise UnknownRunbook(f"no runbook {name!r}{suggestion(name, self._names)}")
        return self._names[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def supersedes(self, identity: str) -> frozenset[str]:
        """The ids that this runbook is a better answer than, at any remove."""
        return self._beaten[identity]

    def explains(self, identity: str) -> frozenset[str]:
        """The ids of what is a consequence of this finding at the same member."""
        known = (self._names.get(name) for name in self._names[identity].explains)
        return frozenset(runbook.id for runbook in known if runbook is not None)

    def _reach(self, start: str) -> set[str]:
        reached: set[str] = set()
        waiting = [start]
        while waiting:
            for name in self._names[waiting.pop()].supersedes:
                known = self._names.get(name)
                if known is not None and known.id not in reached:
                    reached.add(known.id)
                    waiting.append(known.id)
        return reached


def builtin_directory() -> Path:
    """Where our runbooks are: inside the installed package, else at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / FOLDER
    return packaged if packaged.is_dir() else package.parent / FOLDER


def read_page(name: str) -> str | None:
    """The Markdown of a page that several runbooks refer to, such as controller-access; None if there is none."""
    if not SLUG.fullmatch(name):  # no way to another folder
        return None
    try:
        return (builtin_directory() / PAGES / f"{name}.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def read_library(
    extra: Sequence[Path], errors: list[Located], *, builtin: Path | None = None, sound: bool = False
) -> Library:
    """Our runbooks, and those of the folders (or files) ``extra``, the last of one id winning.

    Problems are appended to ``errors``, and what can be read is still read. ``builtin`` takes the
    place of our own folder. ``sound``: ours were linted before release, and are read as far as is needed.
    """
    folder = builtin_directory() if builtin is None else builtin
    ours = _read_folder(folder, errors, display=FOLDER, origin=BUILT_IN, sound=sound)
    if not ours and not errors:
        errors.append(Located(file=str(folder), message="no runbooks here: the installation is incomplete"))
    runbooks = dict(ours)
    for place in extra:
        runbooks |= _read_folder(place, errors, display=str(place), origin=str(place))
    replaced = sorted(name for name in ours if runbooks[name] is not ours[name])
    return Library(tuple(runbooks[name] for name in sorted(runbooks)), tuple(replaced))


def _read_folder(
    folder: Path, errors: list[Located], *, display: str, origin: str, sound: bool = False
) -> dict[str, Runbook]:
    runbooks: dict[str, Runbook] = {}
    index = read_index(folder) if sound else {}
    try:
        files = [folder] if folder.is_file() else runbook_files(folder)
    except OSError as error:
        errors.append(Located(file=str(folder), message=f"can't be read: {error.strerror or error}"))
        files = []
    for file in files:
        path = display if file == folder else f"{display}/{file.name}"
        runbook = _read_file(file, path, origin, errors, index, sound=sound)
        if runbook is None:
            continue
        other = runbooks.setdefault(runbook.id, runbook)
        if other is not runbook:
            errors.append(runbook.located("id", f"{runbook.id!r} is the id of {other.path} too"))
    return runbooks


def _read_file(
    file: Path, path: str, origin: str, errors: list[Located], index: Mapping[str, Front], *, sound: bool
) -> Runbook | None:
    try:
        data = read_file(file, _LARGEST, regular=True)
    except OSError as error:
        errors.append(Located(file=path, message=f"can't be read: {error.strerror or error}"))
        return None
    if len(data) > _LARGEST:
        errors.append(Located(file=path, message=f"larger than {_LARGEST} bytes"))
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        errors.append(Located(file=path, line=line, column=1, message="not UTF-8"))
        return None
    return parse_runbook(
        text,
        path=path,
        origin=origin,
        errors=errors,
        front=index.get(sha256(data).hexdigest()) if index else None,
        sound=sound,
    )
