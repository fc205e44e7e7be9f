"""What became of bodies by their size: a line a member, and the limit that was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from icapdiag.report.text.grid import draw_grid
from icapdiag.report.text.lines import columns, count, cut, milliseconds, shown, whole
from icapdiag.report.untyped import Facts, JSONValue, MemberReport, Observation
from icapdiag.text import visible

_KIB, _MIB = 1024, 1024 * 1024
_TYPICAL = (_KIB, 64 * _KIB, _MIB)  # bytes; beside the largest, the sizes that get a column
_NAME = 40  # columns of a member's name
_SHORTEST = 10  # the least of it to be shown
_FAILURES = {
    "status": "answered with an error",
    "refused": "refused",
    "changed": "answered otherwise",
    "dropped": "connection dropped",
    "silent": "no answer in time",
    "slow": "still being sent when time was up",
    "unacknowledged": "lost on the way",
    "broken": "answer can't be read",
}
_CUT_SHORT = {"busy": "the server was busy", "deadline": "time was up", "error": "this host failed"}


def draw_sizes(members: Sequence[MemberReport], width: int) -> list[str]:
    """The table in at most ``width`` columns, names and words cut to fit; nothing if no ladder ran."""
    headings, rows = size_rows(members)
    if not rows:
        return []
    excess = max(columns(line) for line in draw_grid(headings, rows)) - width
    longest = max(columns(row[0]) for row in rows)
    name = max(_SHORTEST, longest - max(0, excess))
    excess -= longest - min(longest, name)
    word = max(columns(row[-1]) for row in rows) - max(0, excess)
    fitted = [[cut(row[0], name), *row[1:-1], cut(row[-1], max(word, _SHORTEST))] for row in rows]
    return [
        "By body size (until the answer, upload and all; ~: our own delays may be in it):",
        *draw_grid(headings, fitted, right=range(1, len(headings) - 1)),
    ]


def size_rows(members: Sequence[MemberReport]) -> tuple[list[str], list[list[str]]]:
    """Headings, and a row a member that was sent bodies of growing size; safe to show."""
    climbed = [(member, found) for member in members for found in member.probes if _records(found, "ladder")]
    largest = [max(whole(record.get("size")) for record in _records(found, "ladder")) for _, found in climbed]
    sizes = [size for size in _TYPICAL if size < max(largest, default=0)] + sorted({max(largest)} if largest else set())
    rows = [[visible(member.name, _NAME), *_times(found, sizes), limit_words(found.facts)] for member, found in climbed]
    return ["member", *(spoken_size(size) for size in sizes), "limit"], rows


def limit_words(facts: Facts) -> str:
    """The limits that were found, in a few words; how far it went without one, if none."""
    parts = [*_limits(facts)]
    if not parts and (passed := _size(facts, "size_passed")) is not None:
        scanned = facts.get("eicar_found_size") is not None
        parts.append(f"none to {spoken_size(passed)}{', EICAR found' if scanned else ''}")
    if why := _CUT_SHORT.get(shown(facts.get("stopped"))):
        parts.append(why)
    return "; ".join(parts) or "-"


def telling_sizes(facts: Facts) -> str:
    """The limits as a finding's evidence, to the byte; empty if there is none."""
    said = []
    above, below = _size(facts, "eicar_passed_size"), _size(facts, "eicar_found_size")
    if above is not None and below is not None:
        said.append(f"EICAR found in {below:,} bytes, passed in {above:,}")
    unread, read = _size(facts, "size_unread"), _size(facts, "size_read")
    if unread is not None and read is not None:
        said.append(f"{read:,} bytes asked for in full, {unread:,} passed on the preview alone")
    failed, passed = _size(facts, "size_failed"), _size(facts, "size_passed")
    if failed is not None:
        went = "" if passed is None else f"{count(passed, 'byte')} passed, "
        said.append(f"{went}{failed:,} {_failure(facts)}{_cure(facts)}")
    return "; ".join(said)


def spoken_size(size: int) -> str:
    """``0 B``, ``1400 B``, ``64 KiB``, ``5.0 MiB``."""
    for unit, name in ((_MIB, "MiB"), (_KIB, "KiB")):
        if size >= unit and (size % unit == 0 or size >= 10 * _KIB):
            return f"{size // unit} {name}" if size % unit == 0 else f"{size / unit:.1f} {name}"
    return f"{size} B"


def _limits(facts: Facts) -> Iterator[str]:
    unseen = next((size for name in ("eicar_passed_size", "size_unread") if (size := _size(facts, name))), None)
    if unseen is not None and (whole(facts.get("eicar_found_size")) < unseen):
        yield f"UNSCANNED from {spoken_size(unseen)}"
    failed = _size(facts, "size_failed")
    if failed is not None:
        yield f"{_failure(facts)} from {spoken_size(failed)}"


def _failure(facts: Facts) -> str:
    kind, status = shown(facts.get("size_failure")), facts.get("size_failure_status")
    if kind == "status" and isinstance(status, int):
        return f"ICAP {status}"
    return _FAILURES.get(kind, kind)


def _cure(facts: Facts) -> str:
    cured = facts.get("mtu_black_hole")
    if not isinstance(cured, bool):
        return ""
    return ", in small packets it arrived" if cured else ", in small packets too"


def _times(found: Observation, sizes: Sequence[int]) -> Iterator[str]:
    """The last time of each size; a word where there was no answer."""
    records = {whole(record.get("size")): record for record in _records(found, "ladder")}
    for size in sizes:
        record = records.get(size)
        yield "-" if record is None else _time(record)


def _time(record: Facts) -> str:
    value = record.get("answer_ms")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return shown(record.get("reason")) or "-"
    doubt = "~" if record.get("uncertain") is True else ""
    return doubt + ("<0.1 ms" if 0 <= value < 0.05 else milliseconds(value))


def _records(observation: Observation, name: str) -> list[Facts]:
    found = observation.facts.get(name) if observation.probe == "size" else None
    return [record for record in found if isinstance(record, Mapping)] if isinstance(found, list | tuple) else []


def _size(facts: Facts, name: str) -> int | None:
    value: JSONValue = facts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
