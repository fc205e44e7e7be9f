"""Growing sizes, and on to the limits: of servers that are a few lines each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from icapdiag.probe.probes.size_search import (
    CLEAN_EXTRA,
    EICAR_MOST,
    SMALL_SEGMENT,
    Sample,
    SearchResult,
    SizeSearch,
    Upload,
    by_size,
    upload_sizes,
)
from icapdiag.vocabulary import Reason, Status, Verdict
from tests.examples import examples

MIB = 1024 * 1024
MOST = 8 * MIB
PREVIEW = 5000
Server = Callable[[Upload], Upload]


def passed(upload: Upload) -> Upload:
    return replace(upload, icap_status=204, verdict=Verdict.ALLOWED)


def scanned(upload: Upload) -> Upload:
    return passed(upload) if upload.sample == "clean" else replace(upload, icap_status=200, verdict=Verdict.BLOCKED)


def unread(upload: Upload) -> Upload:
    return replace(passed(upload), read=False)


def failed(reason: Reason, **more: object) -> Server:
    return lambda upload: replace(upload, status=Status.FAILED, reason=reason, read=False, **more)


def above(limit: int, beyond: Server, within: Server = scanned) -> Server:
    return lambda upload: (beyond if upload.size > limit else within)(upload)


REFUSED: Server = lambda upload: replace(upload, icap_status=200, verdict=Verdict.BLOCKED)  # noqa: E731
ERROR = failed(Reason.ICAP_STATUS, icap_status=413, verdict=Verdict.ERROR)
RESET = failed(Reason.RESET)
SILENT = failed(Reason.TIMEOUT, lost="silent")
SLOW = failed(Reason.TIMEOUT, lost="slow")
LOST = failed(Reason.TIMEOUT, lost="unacknowledged")
BUSY = failed(Reason.ICAP_STATUS, icap_status=503)


async def search(
    server: Server,
    *,
    eicar: bool = False,
    most: int = MOST,
    preview: int | None = PREVIEW,
    usual: str | None = Verdict.ALLOWED,
) -> tuple[SearchResult, list[tuple[Sample, int, int | None]]]:
    sent: list[tuple[Sample, int, int | None]] = []

    async def send(sample: Sample, size: int, segment: int | None) -> Upload:
        sent.append((sample, size, segment))
        assert 0 <= size <= most
        return server(Upload(sample=sample, size=size, status=Status.OK, read=True, segment=segment or 1448))

    found = await SizeSearch(send, usual=usual, preview=preview, most=most).run(eicar=eicar)
    assert sum(1 for sample, _, _ in sent if sample == "clean") <= len(upload_sizes(most)) + CLEAN_EXTRA
    assert sum(1 for sample, _, _ in sent if sample != "clean") <= (EICAR_MOST if eicar else 0)
    return found, sent


def test_the_sizes() -> None:
    usual = (0, 1, 1024, 1400, 4096, 65536, MIB)
    assert (*usual, 4 * MIB, 8 * MIB) == upload_sizes(MOST)
    assert (*usual, 4 * MIB, 16 * MIB, 50 * MIB) == upload_sizes(50 * MIB)
    assert usual == upload_sizes(MIB)
    assert (0, 1, 1000) == upload_sizes(1000)
    assert (0, 1) == upload_sizes(1)


async def test_a_healthy_server_is_sent_each_size_once() -> None:
    found, sent = await search(scanned)

    assert [("clean", size, None) for size in upload_sizes(MOST)] == sent
    assert (MOST, None, None, "") == (found.passed, found.failed, found.unread, found.stopped)


async def test_with_eicar_two_more() -> None:
    found, sent = await search(scanned, eicar=True)

    assert [("archive", 4096, None), ("archive", MOST, None)] == sent[-2:]
    assert found.missed is not None
    assert ("archive", MOST, None) == (found.form, found.missed.below, found.missed.above)


@pytest.mark.parametrize(
    ("beyond", "ending"),
    [(ERROR, "status"), (REFUSED, "refused"), (RESET, "dropped"), (failed(Reason.PROTOCOL), "broken"),
     (lambda upload: replace(upload, verdict=Verdict.MODIFIED), "changed")],
)  # fmt: skip
@pytest.mark.parametrize("eicar", [False, True])
@given(limit=st.integers(1024, MOST - 1))
@settings(max_examples=examples(25))
async def test_a_limit_that_fails_is_narrowed_down(beyond: Server, ending: str, eicar: bool, limit: int) -> None:
    found, _ = await search(above(limit, beyond), eicar=eicar)

    assert found.failed is not None
    assert found.passed <= limit < found.failed.size
    assert found.failed.size <= max(found.passed + 1, found.passed * 1.011 + 1)
    assert (ending, None, "") == (found.failure, found.unread, found.stopped)
    if eicar:
        assert found.missed is not None
        assert (found.passed, None) == (found.missed.below, found.missed.above)


@given(limit=st.integers(4096, MOST - 1))
@settings(max_examples=examples(60))
async def test_a_limit_that_passes_is_found_with_eicar(limit: int) -> None:
    found, sent = await search(above(limit, passed), eicar=True)

    assert found.missed is not None
    assert found.missed.above is not None
    assert found.missed.below <= limit < found.missed.above <= found.missed.below * 1.04
    assert len(upload_sizes(MOST)) == sum(1 for sample, _, _ in sent if sample == "clean")


async def test_without_eicar_such_a_limit_can_not_be_seen() -> None:
    found, sent = await search(above(MIB, passed))

    assert (len(upload_sizes(MOST)), None) == (len(sent), found.missed)


@pytest.mark.parametrize("eicar", [False, True])
@given(limit=st.integers(64 * 1024, MOST - 1))
@settings(max_examples=examples(40))
async def test_what_is_not_read_is_found_without_eicar_and_proved_with_it(eicar: bool, limit: int) -> None:
    found, sent = await search(above(limit, unread), eicar=eicar)

    assert found.unread is not None
    assert found.unread.above is not None
    assert found.unread.below <= limit < found.unread.above <= found.unread.below * 1.011
    if eicar:
        assert found.missed is not None
        assert found.missed.above is not None
        assert found.missed.below <= limit < found.missed.above
        assert len(found.eicar) <= 5
    else:
        assert {"clean"} == {sample for sample, _, _ in sent}


async def test_who_reads_by_turns_has_no_limit() -> None:
    for start in (0, 1):
        turns = count(start)

        def alternating(upload: Upload, turns: Iterator[int] = turns) -> Upload:
            return (unread if next(turns) % 2 else passed)(upload)

        found, sent = await search(alternating)

        assert (None, len(upload_sizes(MOST))) == (found.unread, len(sent))


@pytest.mark.parametrize(
    ("server", "preview"), [(unread, PREVIEW), (above(MIB, unread), None), (above(MIB, scanned, unread), PREVIEW)]
)
async def test_who_never_reads_or_is_never_asked_or_reads_the_large_has_no_limit(
    server: Server, preview: int | None
) -> None:
    found, sent = await search(server, preview=preview)

    assert (None, len(upload_sizes(MOST))) == (found.unread, len(sent))


async def test_a_limit_that_does_not_hold_when_looked_at_again_is_none() -> None:
    tries: dict[int, int] = {}

    def fickle(upload: Upload) -> Upload:
        tries[upload.size] = tries.get(upload.size, 0) + 1
        return (unread if upload.size > MIB and tries[upload.size] == 1 else passed)(upload)

    found, _ = await search(fickle)

    assert found.unread is None


async def test_one_failure_that_does_not_come_again_is_no_limit() -> None:
    tries = count(1)

    def once(upload: Upload) -> Upload:
        return (RESET if next(tries) == 7 else scanned)(upload)

    found, sent = await search(once)

    assert (None, MOST, len(upload_sizes(MOST)) + 1) == (found.failed, found.passed, len(sent))
    assert [65536, MIB, MIB, 4 * MIB, MOST] == [upload.size for upload in by_size(found.clean)][-5:]


async def test_an_empty_body_that_fails_is_no_limit() -> None:
    found, sent = await search(lambda upload: (ERROR if upload.size < 2 else scanned)(upload))

    assert (None, MOST, len(upload_sizes(MOST)) + 2) == (found.failed, found.passed, len(sent))


async def test_packets_that_get_lost_are_tried_again_small() -> None:
    hole: Server = lambda upload: (LOST if upload.size > 1000 and upload.segment != SMALL_SEGMENT else scanned)(upload)  # noqa: E731
    found, sent = await search(hole, eicar=True)

    assert [("clean", 1024, None), ("clean", 1024, None), ("clean", 1024, SMALL_SEGMENT)] == sent[2:]
    assert ("unacknowledged", True, 1, 1024) == (
        found.failure,
        found.cured,
        found.passed,
        found.failed and found.failed.size,
    )


async def test_what_small_packets_do_not_cure_is_no_matter_of_their_size() -> None:
    found, sent = await search(above(2000, LOST))

    assert ("unacknowledged", False, ("clean", 4096, SMALL_SEGMENT)) == (found.failure, found.cured, sent[-1])


async def test_silence_costs_few_timeouts() -> None:
    for limit in (2000, 70_000, 3 * MIB):
        found, _ = await search(above(limit, SILENT), eicar=True)
        silences = [upload for upload in (*found.clean, *found.eicar) if upload.lost]

        assert (4, "silent") == (len(silences), found.failure)
        assert found.failed is not None
        assert found.passed <= limit < found.failed.size


@pytest.mark.parametrize(
    ("server", "tiny", "failure", "status"),
    [
        (lambda upload: (ERROR if upload.size < 1 else scanned)(upload), (0,), "status", 413),
        (lambda upload: (REFUSED if upload.size < 2 else scanned)(upload), (0, 1), "refused", 200),
        (lambda upload: (SILENT if upload.size == 1 else scanned)(upload), (1,), "silent", None),
        (scanned, None, None, None),
        (ERROR, None, None, None),  # that they are tiny is not why
    ],
)
async def test_tiny_bodies_that_are_refused(
    server: Server, tiny: tuple[int, ...] | None, failure: str | None, status: int | None
) -> None:
    found, sent = await search(server)
    facts = found.facts()
    assert (tiny, failure, status) == (facts.tiny_refused, facts.tiny_failure, facts.tiny_failure_status)
    assert all(sent.count(("clean", size, None)) == 2 for size in tiny or ())
    assert tiny is None or (MOST, None) == (facts.size_passed, facts.size_failed)


async def test_a_tiny_body_that_is_refused_once_is_not_refused() -> None:
    tries = count(1)
    found, _ = await search(lambda upload: (ERROR if upload.size == 0 and next(tries) == 1 else scanned)(upload))
    assert found.facts().tiny_refused is None


async def test_how_fast_it_was_where_time_was_up() -> None:
    found, _ = await search(above(MIB, failed(Reason.TIMEOUT, lost="slow", rate=48_211, held_back=2.5)))
    facts = found.facts()

    assert ("slow", 48_211, 2.5) == (facts.size_failure, facts.size_failure_rate, facts.size_failure_held_back)


async def test_what_takes_its_time_is_not_narrowed_down() -> None:
    found, sent = await search(above(MIB, SLOW))

    assert ("slow", 4 * MIB, MIB) == (found.failure, found.failed and found.failed.size, found.passed)
    assert len(upload_sizes(4 * MIB)) + 1 == len(sent)


@pytest.mark.parametrize(
    ("server", "why", "sent"),
    [
        (above(MIB, BUSY), "busy", 8),
        (above(MIB, lambda upload: replace(BUSY(upload), icap_status=506)), "busy", 8),
        (above(MIB, lambda upload: replace(LOST(upload), out_of_time=True)), "deadline", 8),
        (above(MIB, lambda upload: replace(upload, status=Status.ERROR, reason=Reason.LOCAL_NETWORK)), "error", 8),
    ],
)
async def test_when_to_stop(server: Server, why: str, sent: int) -> None:
    found, tries = await search(server, eicar=True)

    assert (why, sent, None, MIB) == (found.stopped, len(tries), found.failed, found.passed)
    assert (Reason.LOCAL_NETWORK if why == "error" else None) == found.ours


async def test_a_server_without_reason_ends_the_search_at_what_was_announced() -> None:
    """Every first try fails, every second one goes well, and the answer is read or not by turns."""
    turns = count()

    def moody(upload: Upload) -> Upload:
        return (RESET if next(turns) % 2 == 0 else unread)(upload)

    found, sent = await search(moody, most=50 * MIB, eicar=True)

    assert found.passed == 50 * MIB
    assert len(sent) < 2 * len(upload_sizes(50 * MIB)) + EICAR_MOST


@pytest.mark.parametrize("usual", [Verdict.BLOCKED, Verdict.UNKNOWN, Verdict.ERROR, None])
async def test_eicar_tells_nothing_where_harmless_bodies_are_not_passed(usual: str | None) -> None:
    found, sent = await search(lambda upload: replace(upload, verdict=usual), usual=usual, eicar=True)

    assert ({"clean"}, None) == ({sample for sample, _, _ in sent}, found.form)


@pytest.mark.parametrize(
    ("found_in", "expected"), [((), None), (("leading",), "leading"), (("archive", "leading"), "archive")]
)
async def test_the_form_in_which_eicar_is_found(found_in: tuple[str, ...], expected: str | None) -> None:
    server: Server = lambda upload: (scanned if upload.sample in ("clean", *found_in) else passed)(upload)  # noqa: E731
    found, _ = await search(server, eicar=True)

    assert expected == found.form
    assert (None if expected is None else MOST) == (found.missed and found.missed.below)


async def test_a_detection_by_an_icap_error_is_one() -> None:
    forbidden = failed(Reason.ICAP_STATUS, icap_status=403, verdict=Verdict.BLOCKED)
    found, _ = await search(lambda upload: (passed if upload.sample == "clean" else forbidden)(upload), eicar=True)

    assert found.missed is not None
    assert (MOST, None) == (found.missed.below, found.missed.above)
