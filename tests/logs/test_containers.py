"""Every container gives the same counts; a bad paste is read as far as it goes and says what was repaired where."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from icapdiag.facts.logs import RecordCounts
from icapdiag.logs.containers.sniff import Container
from icapdiag.logs.opening import source as sources
from icapdiag.logs.reading import read_logs
from tests.facts import facts_of
from tests.logs.samples import ENTRIES, actions, containers, entry, icap_log, read, syslog_line

CONTAINERS = containers()
NAMES = {
    "jsonl": "lines",
    "array": "array",
    "array-lines": "array",
    "pretty": "array",
    "envelope": "envelope",
    "envelopes": "envelopes",
    "pretty-objects": "lines",
    "csv": "csv",
    "syslog": "syslog",
    "syslog-braces": "syslog",
    "text": "text",
}
FOUR = {"ICAP_BLOCKED": 4}


@pytest.fixture(params=["whole", "streamed"])
def head(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small inputs are held whole, large ones are not; so small ones can stand in for large ones."""
    if request.param == "streamed":
        monkeypatch.setattr(sources, "HEAD", 2000)


@pytest.mark.usefixtures("head")
@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", CONTAINERS)
def test_the_same_entries_in_any_container(tmp_path: Path, form: str, packed: Callable[[bytes], bytes]) -> None:
    reading, report = read(tmp_path / "log", packed(CONTAINERS[form].encode()))
    assert (4, 4, 0, 0) == (report.total, report.read, report.skipped, report.unreadable)
    assert ((), ()) == (report.repairs, report.problems)
    assert actions(reading) == FOUR
    assert ["blocked"] * 4 == [
        facts_of(o)["verdict"] for o in reading.observations[:-1] for _ in range(_count(facts_of(o)))
    ]
    if report.container != "lines":  # envelopes back to back are known as such only when read whole
        assert report.container in {NAMES[form], "envelope"}
    if form != "text":
        assert ["req-0"] == [
            r for o in reading.observations for r in _texts(facts_of(o).get("request_ids")) if r == "req-0"
        ]


def _count(facts: object) -> int:
    return int(facts["count"]) if isinstance(facts, dict) else 0


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


@pytest.mark.parametrize(
    ("text", "container"),
    [
        (json.dumps(entry()), "entry"),
        (json.dumps(entry(), indent=4), "entry"),
        (json.dumps({"icap_log": icap_log()}), "fragment"),
        (json.dumps(icap_log()), "icap-log"),
        (json.dumps(icap_log()["request_logs"][0]), "icap-log"),
        ('"icap_log": ' + json.dumps(icap_log()) + ",", "fragment"),
        (json.dumps(icap_log())[1:-1], "fragment"),
        (json.dumps(entry())[1:-1], "fragment"),
        ("\n\n  " + json.dumps([entry()]), "array"),
        ('{"icap_log": {"action": "ICAP_BLOCKED"}}', "fragment"),
    ],
)
def test_one_record(tmp_path: Path, text: str, container: str) -> None:
    reading, report = read(tmp_path / "log", text)
    assert (1, 1, container) == (report.total, report.read, report.container)
    assert {"ICAP_BLOCKED": 1} == actions(reading)


@pytest.mark.parametrize(
    ("text", "container"),
    [
        ("", "empty"),
        ("\n \n\0", "empty"),
        ("[]", "array"),
        ("[\n\n]\n", "array"),
        ('{"count":0,"results":[]}', "envelope"),
    ],
)
def test_nothing_in_it_is_no_error(tmp_path: Path, text: str, container: str) -> None:
    reading, report = read(tmp_path / "log", text)
    assert (0, container) == (report.total, report.container)
    assert 0 == reading.records.unreadable


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello, world", "no log entry"),
        (bytes(range(256)) * 50, "no log entry"),
        (b"PK\x03\x04" + bytes(100), "a ZIP archive"),
        (bytes(257) + b"ustar" + bytes(200), "a tar archive"),
        (b"\xfd7zXZ\x00abc", "xz"),
        (b"%PDF-1.4", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"[admin@host ~]$ ls\nfoo bar\n", "no log entry"),
    ],
)
def test_what_is_no_log_counts_as_one_unreadable(tmp_path: Path, data: bytes, why: str) -> None:
    reading, report = read(tmp_path / "log", data)
    assert (1, 1, "unknown") == (report.total, report.unreadable, report.container)
    assert why in report.problems[0].reason
    assert 0 == reading.records.read + reading.records.skipped


def test_every_container_has_words() -> None:
    assert all(container.label for container in Container)


def test_several_files_give_one_summary(tmp_path: Path) -> None:
    for form, text in CONTAINERS.items():
        (tmp_path / form).write_text(text)
    reading = read_logs([str(tmp_path / "*")])
    assert len(CONTAINERS) == len(reading.sources)
    assert {"ICAP_BLOCKED": 4 * len(CONTAINERS)} == actions(reading)
    assert RecordCounts(total=44, read=44) == reading.records


def test_progress_is_told_in_stored_bytes(tmp_path: Path) -> None:
    name = tmp_path / "log"
    name.write_bytes(gzip.compress(CONTAINERS["csv"].encode()))
    told: list[tuple[str, int, int | None]] = []
    read_logs([str(name)], progress=lambda *step: told.append(step))
    size = name.stat().st_size
    assert (str(name), size, size) == told[-1]


# --- pastes -------------------------------------------------------------------------------------

ONE = json.dumps(entry(), indent=2)


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        (ONE[: ONE.rindex("}")], "missing } added at the end", (34, 39)),
        (ONE.replace('CODE_OK"', 'CODE_OK",'), "a comma before }", (34, 39)),
        (ONE[:-30], "cut off inside a key", None),
        (ONE.replace('"', "\u201d"), "typographic quotes", (2, 3)),
        ("\ufeff" + ONE, "a byte order mark", (1, 1)),
        ("admin@ctrl:~$ cat entry.json\n" + ONE, "text before the JSON", (1, 1)),
        ("[root@ctrl ~]# cat entry.json\n" + ONE, "text before the JSON", (1, 1)),
        (">>> " + ONE, "text before the JSON", (1, 1)),
        ("admin@ctrl:~$ cat entry.json\n" + json.dumps(entry()) + "\n", "text around the log", (1, 1)),
        (ONE.replace('"se-1"', "NaN"), "NaN was read as null", (8, 21)),
        (ONE.replace("true", "True"), "Python's True", (2, 10)),
        (ONE.replace('"service_engine"', "// the engine\n  \"service_engine\""), "a comment", (8, 3)),
        (ONE.replace("File process", "File\n    process"), "a string broken across lines", None),
        ("\n".join("> " + line for line in ONE.splitlines()), "mail quoting", (2, 1)),
        (json.dumps([entry(0), entry(1)])[:-1], "missing ] added at the end", None),
        ("\n".join([json.dumps(entry(0)), json.dumps(entry(1))[:-1], json.dumps(entry(2))]), "missing }", (2, None)),
    ],
)  # fmt: skip
def test_a_paste_is_repaired(tmp_path: Path, text: str, what: str, place: tuple[int, int | None] | None) -> None:
    reading, report = read(tmp_path / "log", text)
    assert report.total == report.read == sum(actions(reading).values())
    assert {"ICAP_BLOCKED"} == set(actions(reading))
    repair = next(repair for repair in report.repairs if repair.what.startswith(what))
    if place is not None:
        assert place[0] == repair.line
        assert place[1] in {None, repair.column}
    assert repair.place.startswith(f"line {repair.line}, column ")


def test_a_line_that_cannot_be_read_is_shown_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = [json.dumps(one) for one in ENTRIES]
    lines[1:1] = ["something \x1b[31melse", '{"not": "a log entry"}', "null"]
    _, report = read(tmp_path / "log", "\n".join(lines) + "\n")
    assert (7, 4, 1, 2) == (report.total, report.read, report.skipped, report.unreadable)
    kinds = [(problem.kind, problem.place, problem.excerpt[:18]) for problem in report.problems]
    assert [
        ("unreadable", "line 2, column 1", "something \x1b[31mels"),
        ("skipped", "line 3, column 1", '{"not": "a log ent'),
        ("unreadable", "line 4, column 1", "null"),
    ] == kinds


def test_problems_are_bounded_and_the_worse_come_first(tmp_path: Path) -> None:
    lines = ['{"no": "log"}'] * 20 + ["no json"] * 20 + [json.dumps(entry())] * 60
    _, report = read(tmp_path / "log", "\n".join(lines))
    assert (100, 60, 20, 20) == (report.total, report.read, report.skipped, report.unreadable)
    assert {"unreadable"} == {problem.kind for problem in report.problems}
    assert (5, 40) == (len(report.problems), report.problems_total)


@pytest.mark.usefixtures("head")
def test_damage_in_a_long_log_is_placed(tmp_path: Path) -> None:
    lines = [json.dumps(one) for one in ENTRIES * 3]
    lines[5] = lines[5].replace('"response_code": 403', '"response_code": 4x3')
    lines[7] = "é rubbish"
    _, report = read(tmp_path / "log", "\n".join(lines) + "\n")
    assert (12, 11, 0, 1) == (report.total, report.read, report.skipped, report.unreadable)
    assert [(6, lines[5].index("4x3") + 1)] == [(repair.line, repair.column) for repair in report.repairs]
    assert [(8, 1, "é rubbish")] == [(p.line, p.column, p.excerpt) for p in report.problems]


@pytest.mark.usefixtures("head")
def test_a_list_that_was_cut_off(tmp_path: Path) -> None:
    text = json.dumps(ENTRIES)
    _, report = read(tmp_path / "log", text[: text.rindex(', {"adf"')])
    assert (3, 3) == (report.total, report.read)
    assert 1 == report.repairs_total


def test_several_records_on_one_bad_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HEAD", 4000)
    lines = [json.dumps(one) for one in ENTRIES * 3]
    lines[6] = lines[6] + lines[7]
    lines[8] = json.dumps({"count": 2, "results": ENTRIES[:2]})
    del lines[7]
    reading, report = read(tmp_path / "log", "\n".join(lines) + "\n")
    assert (13, 13) == (report.total, report.read)
    assert {"ICAP_BLOCKED": 13} == actions(reading)


def test_alerts_between_json_lines(tmp_path: Path) -> None:
    alert = (
        "<46>2026-03-02 10:00:00,5 host Avi-Controller - - - INFO [a: reason: b] At 2026 event X_Y occurred on object o"
    )
    text = "\n".join([json.dumps(entry(0)), alert, json.dumps(entry(1)), syslog_line(entry(2)).strip(), ""])
    _, report = read(tmp_path / "log", text)
    assert (4, 3, 1, 0) == (report.total, report.read, report.skipped, report.unreadable)
    assert "a Controller alert, not an application log" == report.problems[0].reason


# --- what collectors make of a log ----------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        lambda one: {"_index": "avi", "_source": one},
        lambda one: {"preview": False, "result": {"_raw": syslog_line(one)}},
        lambda one: {"@timestamp": "x", "message": json.dumps(one), "host": {"name": "h"}},
        lambda one: {"message": syslog_line(one), "facility": 16},
        lambda one: {"log": json.dumps(one)[1:-1] + "", "stream": "stdout"},
        lambda one: {"event": {"entry": one}},
    ],
)
@pytest.mark.usefixtures("head")
def test_wrapped_entries(tmp_path: Path, wrap: Callable[[object], object]) -> None:
    reading, report = read(tmp_path / "log", "".join(json.dumps(wrap(one)) + "\n" for one in ENTRIES))
    assert (4, 4) == (report.total, report.read)
    assert actions(reading) == FOUR


def test_a_search_result(tmp_path: Path) -> None:
    hits = {"took": 3, "hits": {"total": 4, "hits": [{"_id": "x", "_source": one} for one in ENTRIES]}}
    reading, report = read(tmp_path / "log", json.dumps(hits))
    assert (4, 4) == (report.total, report.read)
    assert actions(reading) == FOUR


@pytest.mark.parametrize(
    "value", [{"message": "hello"}, {"a": {"b": 1}}, {}, {"event": {"event": {"event": {"event": {}}}}}]
)
def test_other_json_is_skipped_with_a_reason(tmp_path: Path, value: object) -> None:
    _, report = read(tmp_path / "log", json.dumps(value))
    assert (1, 0, 1) == (report.total, report.read, report.skipped)
    assert report.problems[0].reason


def test_the_failed_connection_of_the_guide(tmp_path: Path) -> None:
    """All that the guide shows of it is the text in the Significance field."""
    _, report = read(tmp_path / "log", '{"significance": "ICAP Error", "response_code": 500}')
    assert (1, 1) == (report.total, report.read)
