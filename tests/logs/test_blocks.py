"""Layouts, damage and odd records on the fast path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from icapdiag.facts import to_plain
from icapdiag.logs.blocks import elements, lines
from icapdiag.logs.blocks.summarise import Layout
from tests.logs.reading import read


def entry(number: int, action: str | None = "ICAP_PASSED", **more: Any) -> dict[str, Any]:
    log = {"action": action, "request_logs": [{"action": action, "latency": str(number)}]} if action else None
    return {
        "adf": False,
        "report_timestamp": f"2024-03-09T16:{number % 60:02d}:00.000000+00:00",
        "nested": [{"adf": True, "icap_log": {"action": "NOT_ME"}}, {"adf": False}],
        **({"icap_log": log} if log else {}),
        **more,
    }


ENTRIES = [entry(number, "ICAP_PASSED" if number % 3 else None) for number in range(30)]
TEXTS = [json.dumps(one, separators=(",", ":")) for one in ENTRIES]
LINES, VALUES = Layout.LINES, Layout.VALUES


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("\n".join(TEXTS), LINES),
        ("\n".join(TEXTS) + "\n", LINES),
        ("\r\n".join(TEXTS) + "\r\n", LINES),
        ("\n\n \t\n".join(TEXTS) + "\n\n", LINES),
        ("\n".join(TEXTS), VALUES),
        ("".join(TEXTS), VALUES),
        ("\n,\n".join(TEXTS), VALUES),
        (f"[{','.join(TEXTS)}]", VALUES),
        (f"\n [ {' , '.join(TEXTS)} ] \n", VALUES),
        (json.dumps(ENTRIES, indent=4), VALUES),
        (json.dumps(ENTRIES, indent="\t", sort_keys=True), VALUES),
        ("\n".join(json.dumps(one, indent=2) for one in ENTRIES), VALUES),
        (f'{{"count":30,"results":[{",".join(TEXTS)}]}}', VALUES),
        (f'{{"next": {{"a": [1, "]}}"]}}, "results": [{",".join(TEXTS)}], "percent_remaining": 0.0}}\n', VALUES),
        (json.dumps({"count": 30, "results": ENTRIES}, indent=4), VALUES),
        ("".join(f'{{"count":3,"results":[{",".join(TEXTS[n : n + 3])}]}}' for n in range(0, 30, 3)), VALUES),
        ("\n".join(f'{{"results":[{text}],"count":1}}' for text in TEXTS), VALUES),
        (json.dumps([{"count": 15, "results": ENTRIES[:15]}, {"count": 15, "results": ENTRIES[15:]}]), VALUES),
        (json.dumps([ENTRIES[:10], ENTRIES[10:]]), VALUES),
        (f"[{','.join(TEXTS[:10])}]\n[{','.join(TEXTS[10:])}]", VALUES),
        (f"[{','.join(TEXTS[:10])}]" + json.dumps(ENTRIES[10:], indent=4), VALUES),
    ],
)
@pytest.mark.parametrize("block", [400, 1000, 1 << 19])
def test_layouts(text: str, layout: Layout, block: int) -> None:
    summary, tally, odd = read(text.encode(), layout, block=block)

    assert [] == odd.seen
    assert 30 == tally.read
    assert not tally.truncated
    assert len(text) == tally.end_offset
    assert {"entries_total": 30, "entries_icap": 20, "entries_passed": 20}.items() <= to_plain(summary.head()).items()


@pytest.mark.parametrize("block", [400, 1 << 19])
@pytest.mark.parametrize("layout", Layout)
def test_a_word_that_avi_does_not_write_today(layout: Layout, block: int) -> None:
    found = [*ENTRIES[:9], entry(9, "ICAP_POSTPONED"), *ENTRIES[10:]]
    text = json.dumps(found) if layout is VALUES else "\n".join(map(json.dumps, found))

    summary, tally, odd = read(text.encode(), layout, block=block)

    assert (30, []) == (tally.read, odd.seen)
    assert 1 == summary.head().entries_other
    assert {"ICAP_PASSED", "ICAP_POSTPONED"} == {group.icap_action for group in summary.groups()}


def test_each_entry_says_how_its_virtual_service_is_named() -> None:
    found = [entry(1, virtualservice="uuid-1"), entry(2, virtualservice="uuid-2", vs_name="shop")]

    summary, _, _ = read("\n".join(map(json.dumps, found)).encode(), LINES)

    assert ("uuid-1", "shop") == summary.groups()[0].virtualservices


@pytest.mark.parametrize(
    ("text", "layout"), [("", LINES), ("", VALUES), (" \n ", LINES), ("\n", VALUES), ("[]", VALUES)]
)
def test_nothing(text: str, layout: Layout) -> None:
    _, tally, odd = read(text.encode(), layout)

    assert (0, []) == (tally.total, odd.seen)
    assert not tally.truncated


@pytest.mark.parametrize("text", ["[\n\n]\n", '{"count": 0, "results": []}', '{"count":0,"results":[]}' * 3])
def test_empty_replies(text: str) -> None:
    _, tally, odd = read(text.encode(), VALUES)

    assert (0, []) == (tally.total, odd.seen)


@pytest.mark.parametrize("block", [400, 1 << 19])
@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (f"[{','.join(TEXTS)}", VALUES),
        (f"[{','.join(TEXTS)},", VALUES),
        (f"[{','.join(TEXTS)},\n", VALUES),
        (f'{{"count":30,"results":[{",".join(TEXTS)}', VALUES),
        (f'{{"count":30,"results":[{",".join(TEXTS)}]', VALUES),
    ],
)
def test_an_array_without_its_end(text: str, layout: Layout, block: int) -> None:
    _, tally, odd = read(text.encode(), layout, block=block)

    assert [] == odd.seen
    assert 30 == tally.read
    assert tally.truncated


# In search of the end of what is broken, an object with an icap_log is taken for an entry: these have none inside.
PLAIN = [json.dumps(one | {"nested": [{"x": True}, {"x": "}{]["}]}, separators=(",", ":")) for one in ENTRIES]


@pytest.mark.parametrize("block", [400, 1 << 19])
@pytest.mark.parametrize("cut", [1, 5, 40, 100])
@pytest.mark.parametrize(
    ("join", "begin", "layout"), [("\n", "", LINES), (",", "[", VALUES), ("\n", "", VALUES), (",\n", "[\n", VALUES)]
)
def test_a_cut_tail(join: str, begin: str, layout: Layout, cut: int, block: int) -> None:
    whole = begin + join.join(PLAIN)
    text = whole[:-cut]

    _, tally, odd = read(text.encode(), layout, block=block)

    start = whole.rindex(PLAIN[-1])
    assert [(start, text[start:].encode())] == odd.seen
    assert (29, 0, 1) == (tally.read, tally.skipped, tally.unreadable)
    assert tally.truncated


BROKEN = {
    "trailing comma": PLAIN[7][:-1] + ",}",
    "missing brace": PLAIN[7][:-1],
    "missing braces": PLAIN[7].rstrip("}]"),
    "missing quote": PLAIN[7].replace('"report_timestamp":"2024', '"report_timestamp":2024'),
    "open string": PLAIN[7].replace('"}{]["', '"}{]['),
    "bare word": PLAIN[7].replace("false", "False", 1),
    "control character": PLAIN[7].replace("}{][", "\x01", 1).replace(":false", ":fals"),
    "wrong bracket": PLAIN[7].replace("}]", "}}", 1),
    "smart quotes": PLAIN[7].replace('"', "“"),
    "half": PLAIN[7][: len(PLAIN[7]) // 2],
}


@pytest.mark.parametrize("block", [400, 1 << 19])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(
    ("begin", "join", "end", "layout"),
    [
        ("", "\n", "\n", LINES),
        ("[", ",", "]", VALUES),
        ("[\n", ",\n  ", "\n]\n", VALUES),
        ('{"results":[', ",", "]}", VALUES),
    ],
)
def test_one_broken_record(begin: str, join: str, end: str, layout: Layout, broken: str, block: int) -> None:
    before, after = join.join(PLAIN[:7]) + join, join + join.join(PLAIN[8:])

    text = begin + before + broken + after + end
    _, tally, odd = read(text.encode(), layout, block=block)

    assert (len(begin + before), broken.encode()) == odd.seen[0]
    assert (29, 0, 1) == (tally.read, tally.skipped, tally.unreadable)
    assert not tally.truncated


@pytest.mark.parametrize("block", [400, 1 << 19])
@pytest.mark.parametrize(
    ("begin", "join", "end"), [("[", ",", "]"), ("[\n", ",\n  ", "\n]\n"), ('{"results":[', ",", "]}")]
)
@pytest.mark.parametrize("broken", [PLAIN[-1][:-1] + ",}", PLAIN[-1].replace("false", "False", 1)])
def test_a_broken_last_record(begin: str, join: str, end: str, broken: str, block: int) -> None:
    text = begin + join.join([*PLAIN[:-1], broken]) + end

    _, tally, odd = read(text.encode(), VALUES, block=block)

    assert [broken.encode()] == [raw for _, raw in odd.seen]
    assert (29, 0, 1) == (tally.read, tally.skipped, tally.unreadable)
    assert not tally.truncated


@pytest.mark.parametrize("block", [400, 1 << 19])
@pytest.mark.parametrize(("begin", "join", "end", "layout"), [("", "\n", "", LINES), ("[", ",", "]", VALUES)])
def test_what_is_no_entry(begin: str, join: str, end: str, layout: Layout, block: int) -> None:
    alert = '{"level": "ALERT_LOW", "events": [{"report_timestamp": "x"}]}'
    strangers = [alert, "17", '"text"', "null", "true", "[1,2]", '{"action": "ICAP_DISABLED"}', "{}"]
    records = [record for pair in zip(TEXTS, strangers * 4, strict=False) for record in pair]

    text = begin + join.join(records) + end
    _, tally, odd = read(text.encode(), layout, block=block)

    assert (strangers * 4)[:30] == [raw.decode() for _, raw in odd.seen]
    assert all(text.encode()[offset:].startswith(raw) for offset, raw in odd.seen)
    assert 30 == tally.read
    assert 60 == tally.total


def test_text_between_values() -> None:
    text = "$ curl -k https://controller/api\n" + TEXTS[0] + "\nNext page:\n" + TEXTS[1] + "\n"

    _, tally, odd = read(text.encode(), VALUES)

    assert [b"$ curl -k https://controller/api", b"Next page:"] == [raw for _, raw in odd.seen]
    assert 2 == tally.read


@pytest.mark.parametrize("block", [400, 1 << 19])
@pytest.mark.parametrize(("begin", "join", "end", "layout"), [("", "\n", "", LINES), ("[", ",", "]", VALUES)])
def test_a_record_longer_than_any(
    begin: str, join: str, end: str, layout: Layout, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_RECORD", 5000)
    monkeypatch.setattr(elements, "MAX_RECORD", 5000)
    long = json.dumps(entry(1, text="x" * 1_300_000))

    text = begin + join.join([*TEXTS[:5], long, *TEXTS[5:]]) + end
    _, tally, odd = read(text.encode(), layout, block=block)

    assert (30, 1) == (tally.read, tally.unreadable)
    assert long[:5000].encode() == odd.seen[0][1]


@pytest.mark.parametrize(("begin", "join", "end", "layout"), [("", "\n", "", LINES), ("[", ",", "]", VALUES)])
def test_a_long_record(begin: str, join: str, end: str, layout: Layout) -> None:
    long = json.dumps(entry(1, text="x" * 3_000_000))

    _, tally, odd = read((begin + join.join([TEXTS[0], long, TEXTS[1]]) + end).encode(), layout)

    assert (3, []) == (tally.read, odd.seen)


def test_deep_nesting() -> None:
    deep = '{"report_timestamp": "2024-03-09T16:00:00Z", "x": ' + "[" * 100_000 + "]" * 100_000 + "}"

    _, tally, _ = read(f"{TEXTS[0]}\n{deep}\n{TEXTS[1]}\n".encode(), LINES)
    _, others, _ = read(f"[{TEXTS[0]},{deep},{TEXTS[1]}]".encode(), VALUES)

    assert (2, 1) == (tally.read, tally.unreadable)
    assert (2, 1) == (others.read, others.unreadable)


@pytest.mark.parametrize("block", [400, 1 << 19])
def test_types_that_avi_never_writes(block: int) -> None:
    odd_types = [
        entry(1, response_code="403", request_length="12", adf="true", significant_log="ADF_ICAP_FAILED"),
        entry(2, response_code=[403], request_length=1.5, adf=7, significant_log=[1, "ADF_ICAP_FAILED"]),
        entry(3, report_timestamp=1710000000123456, virtualservice={"a": 1}, significance=None),
        entry(4, "ICAP_EXPLODED", virtualservice="shop"),
        {**entry(5), "icap_log": {"action": "ICAP_FAILED", "request_logs": {"latency": "x", "action": None}}},
        {**entry(6), "icap_log": {"action": "ICAP_FAILED", "request_logs": [None, 5, {"latency": "7"}]}},
        {**entry(7), "icap_log": [1]},
        {**entry(8), "icap_log": {"action": "ICAP_BLOCKED", "request_logs": [{"icap_response_code": True}]}},
    ]
    text = "\n".join([*TEXTS, *map(json.dumps, odd_types)])

    summary, tally, odd = read(text.encode(), LINES, block=block)

    assert (38, []) == (tally.read, odd.seen)
    head = to_plain(summary.head())
    assert (38, 27, 23, 2, 1, 1) == tuple(
        head[f"entries_{name}"] for name in ("total", "icap", "passed", "failed", "blocked", "other")
    )
    facts = [one for one in to_plain(summary.groups()) if one["icap_action"] == "ICAP_EXPLODED"]
    assert ["shop"] == facts[0]["virtualservices"]


def test_new_words_do_not_slow_all_down() -> None:
    text = "\n".join(json.dumps(entry(number, "ICAP_TELEPORTED")) for number in range(2000)).encode()

    summary, tally, odd = read(text, LINES, block=2000)

    assert (2000, []) == (tally.read, odd.seen)
    assert 2000 == to_plain(summary.head())["entries_other"]


def test_invalid_utf8() -> None:
    bad = TEXTS[1].encode().replace(b"NOT_ME", b"\xff\xfe")
    worse = TEXTS[1].encode().replace(b"2024", b"\xff\xfe24", 1)

    _, tally, odd = read(b"\n".join([TEXTS[0].encode(), bad, worse, TEXTS[2].encode()]), LINES)

    assert 4 == tally.total
    assert [worse] == [raw for _, raw in odd.seen]


def test_names_of_virtual_services() -> None:
    named = [{**one, "virtualservice": "virtualservice-1", "vs_name": "shop"} for one in ENTRIES]

    summary, _, _ = read("\n".join(map(json.dumps, named)).encode(), LINES)
    others, _, _ = read(json.dumps({"results": named}).encode(), VALUES)

    assert {("shop",)} == {tuple(facts["virtualservices"]) for facts in to_plain(summary.groups())}
    assert {("shop",)} == {tuple(facts["virtualservices"]) for facts in to_plain(others.groups())}
