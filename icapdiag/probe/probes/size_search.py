"""The size search: growing sizes, then sizes between the last that passed and the first that did not.

Nothing here sends: `SizeSearch` gets a function for that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import isqrt
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from icapdiag.facts.deep import Size, SizedUpload
from icapdiag.icap.message import BUSY
from icapdiag.icap.samples import ARCHIVE_LEAST
from icapdiag.vocabulary import Reason, Status, Verdict

Sample = Literal["clean", "archive", "leading"]
Ending = Literal["", "status", "dropped", "silent", "slow", "unacknowledged", "broken", "refused", "changed"]
_DROPPED = {Reason.RESET, Reason.CLOSED, Reason.REFUSED, Reason.UNREACHABLE, Reason.PROHIBITED}
_REFUSALS = {Verdict.BLOCKED, Verdict.UNSCANNABLE, Verdict.ERROR}
SMALL_SEGMENT = 536  # bytes that any IPv4 path takes (RFC 9293, 3.7.1)
STEPS = 8  # of one search for a limit: a factor of 4 between two sizes comes down to half a percent
CLEAN_EXTRA = 2 * STEPS + 7  # harmless uploads beyond `upload_sizes`: a search for each kind of limit, and repetitions
EICAR_MOST = STEPS + 6  # uploads with EICAR: a form that is found, either side of a limit, the top, and a search
SIZES = (0, 1, 1024, 1400, 4096, 64 * 1024, 1024 * 1024)
_TINY = 2  # bytes; a server may well be at odds with less, which is no limit, and is said apart
_SMALL_EICAR = 4096  # bytes
_CLOSE = 200  # a limit is known well enough to one part in so many
_SILENCES = 2  # timeouts that one search may cost
EICAR_FORMS: tuple[Sample, ...] = ("archive", "leading")
_TELLING = {"status", "dropped", "broken"}  # of harmless bodies, where EICAR may fare otherwise and soon
_FEW = 3  # sizes beyond the preview, at the least, that say whether a body is read


class Upload(SizedUpload, kw_only=True):
    """The result of one upload, for the report and for the search.

    ``answer_ms`` includes the upload if the server waits for all of it. ``read``: the server asked for the whole
    body, and received it. ``segment``: the largest payload of a packet on this connection, in bytes.
    """

    sample: Sample
    size: int
    status: Status
    read: bool = False
    out_of_time: bool = False  # the member's time ended before its own
    segment: int | None = None
    held_back: float | None = None  # percent of that time for which the peer had no room for more
    rate: int | None = None  # bytes per second that went out, where time was up before all of them had
    lost: Ending = ""  # how it failed, where the status and the reason do not say it

    @property
    def busy(self) -> bool:
        return self.icap_status in BUSY

    def ending(self, usual: str | None) -> Ending:
        """How the result differs from that of a small body, whose verdict is ``usual``; "" if it does not."""
        if self.status is Status.FAILED:
            if self.reason == Reason.ICAP_STATUS:
                return "status"
            return self.lost or ("dropped" if self.reason in _DROPPED else "broken")
        if self.verdict == usual:
            return ""
        return "refused" if self.verdict in _REFUSALS else "changed"

    def record(self) -> SizedUpload:
        """For the report."""
        return SizedUpload(**{name: getattr(self, name) for name in SizedUpload.__struct_fields__})


def upload_sizes(most: int) -> tuple[int, ...]:
    """The sizes to try, ascending, in bytes: `SIZES`, then each four times the previous one, and ``most``."""
    sizes = list(SIZES)
    while sizes[-1] * 4 < most:
        sizes.append(sizes[-1] * 4)
    return (*(size for size in sizes if size < most), most)


Send = Callable[[Sample, int, int | None], Awaitable[Upload]]


class Stopped(Exception):
    """Nothing more may be sent; the message is a word for the reason."""


class Limit(Struct):
    """The sizes, in bytes, between which something changes; ``above`` None: nothing changes."""

    below: int
    above: int | None = None


class SearchResult(Struct, kw_only=True):
    """The results. ``clean`` and ``eicar``: the uploads in the order in which they were sent.

    ``failed``: the smallest that was not treated like small ones; ``tiny``: bodies of 0 or 1 byte that were not.
    ``unread``: between the last body that the server asked for and the first that it passed without reading; ``cured``:
    the failed one passed in small packets.
    ``form``: the form in which EICAR is detected after padding, None if in none. ``missed``: between the largest body
    in which it was detected and the smallest in which it passed. ``stopped``: why not everything was tried:
    ``busy``, ``deadline``, ``enough`` (all announced connections were used) or ``error``, with its reason in ``ours``.
    """

    clean: list[Upload] = field(default_factory=list)
    eicar: list[Upload] = field(default_factory=list)
    passed: int = -1
    failed: Upload | None = None
    failure: Ending = ""
    tiny: list[Upload] = field(default_factory=list)
    tiny_failure: Ending = ""
    cured: bool = False
    unread: Limit | None = None
    form: Sample | None = None
    missed: Limit | None = None
    stopped: str = ""
    ours: Reason | None = None

    def facts(self) -> Size:
        """For the report."""
        facts = Size(
            sizes_tried=tuple(upload.record() for upload in by_size(self.clean)),
            size_passed=self.passed if self.passed >= 0 else None,
            stopped=self.stopped or None,
        )
        if self.eicar:
            facts.eicar_sizes_tried = tuple(
                replace(upload.record(), form=upload.sample) for upload in by_size(self.eicar)
            )
            facts.eicar_form = self.form or "none"
        if self.failed is not None:
            facts.size_failed, facts.size_failure = self.failed.size, self.failure
            facts.size_failure_status, facts.size_failure_reason = self.failed.icap_status, self.failed.reason
            facts.size_failure_rate, facts.size_failure_held_back = self.failed.rate, self.failed.held_back
            if self.failure == "unacknowledged":
                facts.mtu_black_hole, facts.segment_size = self.cured, self.failed.segment
        if self.tiny and self.passed >= _TINY:  # else nothing passes, and that they are tiny is not why
            facts.tiny_refused = tuple(upload.size for upload in self.tiny)
            facts.tiny_failure, facts.tiny_failure_status = self.tiny_failure, self.tiny[-1].icap_status
        if self.unread is not None:
            facts.size_read, facts.size_unread = self.unread.below, self.unread.above
        if self.missed is not None:
            facts.eicar_found_size, facts.eicar_passed_size = self.missed.below, self.missed.above
        return facts


class SizeSearch:
    """One search. ``usual``: the verdict on a small harmless body; ``preview``: the bytes sent before the server asks.

    ``preview`` None: without a preview, so the server never decides early.
    """

    def __init__(self, send: Send, *, usual: str | None, preview: int | None, most: int) -> None:
        self._send = send
        self._usual = usual
        self._preview = preview
        self._sizes = upload_sizes(most)
        self._left = {"clean": len(self._sizes) + CLEAN_EXTRA, "eicar": EICAR_MOST}
        self.found = SearchResult()

    async def run(self, *, eicar: bool) -> SearchResult:
        """Run the search; with ``eicar``, also whether larger bodies are still scanned."""
        found = self.found
        try:
            await self._up()
            await self._narrow_failure()
            await self._narrow_unread()
            if eicar:
                await self._look_for_eicar()
        except Stopped as exc:
            found.stopped = str(exc)
        return found

    async def _try(self, sample: Sample, size: int, segment: int | None = None) -> Upload:
        """Send one more upload. Raises `Stopped` if none is left, and after one that requires to stop."""
        found = self.found
        kind = "clean" if sample == "clean" else "eicar"
        if not self._left[kind]:
            raise Stopped("enough")
        self._left[kind] -= 1
        upload = await self._send(sample, size, segment)
        if upload.out_of_time:
            raise Stopped("deadline")
        if upload.status is Status.ERROR:
            found.ours = Reason(upload.reason or Reason.BUG)
            raise Stopped("error")
        if segment is None:
            (found.clean if kind == "clean" else found.eicar).append(upload)
        if upload.busy:  # RFC 3507, 4.3.3: a client should not press a server that says so
            raise Stopped("busy")
        return upload

    def _passes(self, upload: Upload) -> bool:
        return not upload.ending(self._usual)

    async def _up(self) -> None:
        """Try every size until one fails twice."""
        found = self.found
        for size in self._sizes:
            upload = await self._try("clean", size)
            if not self._passes(upload):
                upload = await self._try("clean", size)
            if self._passes(upload):
                found.passed = size
            elif size >= _TINY:
                self._fails(upload)
                return
            else:
                found.tiny.append(upload)
                found.tiny_failure = upload.ending(self._usual)

    def _fails(self, upload: Upload) -> None:
        self.found.failed = upload
        self.found.failure = upload.ending(self._usual)

    async def _narrow_failure(self) -> None:
        found = self.found
        if found.failed is None or found.passed < 0:
            return
        if found.failure == "unacknowledged":
            upload = await self._try("clean", found.failed.size, SMALL_SEGMENT)
            found.cured = self._passes(upload)
            return
        if found.failure == "slow":
            return  # a matter of time, and not of a size
        silences = 0
        for _ in range(STEPS):
            size = _between(found.passed, found.failed.size)
            if size is None or silences >= _SILENCES:
                return
            upload = await self._try("clean", size)
            if self._passes(upload):
                found.passed = size
            else:
                self._fails(upload)
                silences += upload.lost == "silent"

    async def _narrow_unread(self) -> None:
        """Find the size from which the server passes a body without asking for the part after the preview."""
        found, preview = self.found, self._preview
        if preview is None:
            return
        beyond = [upload for upload in found.clean if upload.size > preview and self._passes(upload)]
        flags = {upload.size: upload.read for upload in by_size(beyond)}
        read = [size for size, whole in flags.items() if whole]
        unread = [size for size, whole in flags.items() if not whole]
        if len(flags) < _FEW or not read or not unread or max(read) > min(unread):
            return  # too little to go by, always the same, or by turns: c-icap's echo does that
        limit = Limit(max(read), min(unread))
        for _ in range(STEPS):
            size = _between(limit.below, limit.above or 0)
            if size is None:
                break
            upload = await self._try("clean", size)
            if not self._passes(upload):
                return
            if upload.read:
                limit.below = size
            else:
                limit.above = size
        for size, whole in ((limit.below, True), (limit.above or 0, False)):
            upload = await self._try("clean", size)
            if not self._passes(upload) or upload.read is not whole:
                return
        found.unread = limit

    async def _look_for_eicar(self) -> None:
        """Find out whether larger bodies are scanned like a small one, and if not, up to which size."""
        found = self.found
        if self._usual not in {Verdict.ALLOWED, Verdict.MODIFIED} or found.passed < ARCHIVE_LEAST:
            return
        small = min(_SMALL_EICAR, found.passed)
        for form in EICAR_FORMS:
            if self._catches(await self._try(form, small)):
                break
        else:
            return
        found.form = form
        limit = found.missed = Limit(small)
        for size in self._telling_sizes():
            if limit.above is None and size > limit.below:
                await self._move(limit, form, size)
        for _ in range(STEPS):
            between = None if limit.above is None else _between(limit.below, limit.above)
            if between is None or not await self._move(limit, form, between):
                break

    def _telling_sizes(self) -> list[int]:
        """Sizes just below and just above each limit of harmless bodies, and the largest; ascending."""
        found = self.found
        sizes = {found.passed}
        if found.failed is not None and found.failure in _TELLING:
            sizes.add(found.failed.size)
        if found.unread is not None:
            sizes |= {found.unread.below, found.unread.above or 0}
        return sorted(sizes)

    async def _move(self, limit: Limit, form: Sample, size: int) -> bool:
        """Move the limit according to this size; False if the answer does not show whether EICAR was detected."""
        upload = await self._try(form, size)
        if self._catches(upload):
            limit.below = size
        elif self._passes(upload):
            limit.above = size
        return size in {limit.below, limit.above}

    def _catches(self, upload: Upload) -> bool:
        """Whether the server detected EICAR: it treated it differently from harmless text."""
        answered = upload.status is Status.OK or upload.reason == Reason.ICAP_STATUS
        return answered and upload.verdict in {Verdict.BLOCKED, Verdict.MODIFIED} - {self._usual}


def _between(low: int, high: int) -> int | None:
    """The geometric mean of the two; None if they are close enough."""
    if high - low <= max(1, low // _CLOSE):
        return None
    return min(max(isqrt(max(low, 1) * high), low + 1), high - 1)


def by_size(found: Sequence[Upload]) -> list[Upload]:
    """The uploads, smallest first; those of one size in the order in which they were sent."""
    return sorted(found, key=lambda upload: upload.size)
