"""What can be wrong with a runbook file, with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

Mark = tuple[int, int]  # line and column in the file, both from 1


class Located(Struct, frozen=True):
    """One problem: ``runbooks/foo.md:7:3: match[0].status|contains: …``.

    ``mark`` is None for what has no line, such as a missing folder. ``where`` is the path of
    keys inside the front matter, or a heading; it may be empty.
    """

    file: str
    mark: Mark | None
    where: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.mark is None else f"{self.file}:{self.mark[0]}:{self.mark[1]}"
        return f"{place}: {self.where}: {self.message}" if self.where else f"{place}: {self.message}"


class RunbookError(Exception):
    """Runbooks can't be used; ``errors`` holds every problem found, not only the first."""

    def __init__(self, errors: Sequence[Located]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


def in_file_order(errors: Iterable[Located]) -> tuple[Located, ...]:
    """The problems sorted as a reader goes through the files."""
    return tuple(sorted(set(errors), key=lambda error: (error.file, error.mark or (0, 0), error.where, error.message)))


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` when one of ``known`` looks like ``word``, else nothing."""
    import difflib  # noqa: PLC0415 - of use only to those who mistyped

    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
