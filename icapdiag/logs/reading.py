"""Reading logs: every input by the way that fits its container, and one summary of them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.opening.inputs import expand_inputs
from icapdiag.logs.opening.source import open_source
from icapdiag.logs.reader import Progress, SourceReader, Stop

if TYPE_CHECKING:
    from icapdiag.logs.notes import SourceReport
    from icapdiag.model import Observation

NO_FILTERS = Filters()


class Reading(Struct, frozen=True, kw_only=True):
    """What was read of all inputs. ``answers`` are raw ICAP answers, one observation each."""

    summary: Summary
    sources: tuple[SourceReport, ...]
    answers: tuple[Observation, ...] = ()

    @property
    def total(self) -> int:
        return sum(source.total for source in self.sources)

    @property
    def read(self) -> int:
        return sum(source.read for source in self.sources)

    @property
    def skipped(self) -> int:
        return sum(source.skipped for source in self.sources)

    @property
    def unreadable(self) -> int:
        return sum(source.unreadable for source in self.sources)

    @property
    def useful(self) -> bool:
        """Whether anything could be read; an empty log is useful, a file of something else is not."""
        return not self.unreadable or self.read > 0 or self.skipped > 0

    @property
    def observations(self) -> tuple[Observation, ...]:
        """The log's groups, the raw answers, and last the log as a whole, unless there were only answers."""
        groups = self.summary.observations()
        if self.answers and self.read == len(self.answers):
            return self.answers
        return (*groups[:-1], *self.answers, *groups[-1:])


def read_logs(
    inputs: Sequence[str],
    *,
    filters: Filters = NO_FILTERS,
    jobs: int | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Reading:
    """Read paths, patterns and ``-``. ``jobs``: processes for large files, None chooses by size.

    ``stop`` is asked before every read: when it says True, the input ends there and no other is opened.
    Raises `InputError` for inputs that can't be opened, before anything is read. What the files
    hold raises nothing: it is counted and noted.
    """
    summary = Summary(filters)
    sources: list[SourceReport] = []
    found: list[Observation] = []
    for name in expand_inputs(inputs):
        if stop is not None and stop():
            break
        with open_source(name, stop) as source:
            reader = SourceReader(source, summary, jobs=jobs, progress=progress, stop=stop)
            sources.append(reader.read())
            found += reader.answers
    return Reading(summary=summary, sources=tuple(sources), answers=tuple(found))
