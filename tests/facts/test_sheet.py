"""What can be done with any fact sheet: documented, written down, read back, put together."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.facts import Answer, Record, Sheet, Text, about, facts_of, from_plain, settled, to_plain
from icapdiag.facts.connection import TCP, Endpoint, ProbeSheet, Transfer
from icapdiag.facts.fields import SHEETS, fields, sheet_type
from icapdiag.facts.groups import PastedAnswer, RequestGroup
from icapdiag.facts.logs import Bucket
from icapdiag.facts.sheet import attributes_of
from icapdiag.facts.standard import Options, RepeatedStep
from icapdiag.facts.tls import TLS
from tests.facts.classes import every_class
from tests.facts.strategies import plain_records

CLASSES = tuple(every_class())


@given(data=st.data(), cls=st.sampled_from(CLASSES))
def test_what_is_written_is_read_back(data: st.DataObject, cls: type[Record]) -> None:
    record = from_plain(cls, data.draw(plain_records(cls)))

    assert settled(record) == from_plain(cls, json.loads(json.dumps(to_plain(record))))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_whole_number_is_settled_as_the_float_that_is_read_back(cls: type[Record]) -> None:
    record = from_plain(cls, {fact.key: 7 for fact in facts_of(cls) if fact.type is float})
    for name, fact in attributes_of(cls):
        if fact is not None and fact.type is float:
            setattr(record, name, 7)

    assert msgspec.json.encode(from_plain(cls, to_plain(record))) == msgspec.json.encode(settled(record))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_nulls_are_facts_of_their_class(cls: type[Record]) -> None:
    assert set() == cls.nulls - {fact.key for fact in facts_of(cls)}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_what_is_moved_are_facts_of_their_class(cls: type[Record]) -> None:
    assert set() == {*cls.moved.replace(";", "").split()} - {"^", "$", *(fact.key for fact in facts_of(cls))}


@given(data=st.data(), cls=st.sampled_from([cls for cls in CLASSES if cls.moved]))
def test_what_is_moved_stands_behind_its_place(data: st.DataObject, cls: type[Record]) -> None:
    written = list(to_plain(from_plain(cls, data.draw(plain_records(cls)))))

    for place, *moved in map(str.split, cls.moved.split(";")):
        found = [key for key in written if key in {place, *moved}]
        assert [key for key in (place, *moved) if key in written] == found


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_no_fact_stands_in_a_sheet_twice(cls: type[Record]) -> None:
    keys = [fact.key for fact in facts_of(cls)]
    assert sorted(set(keys)) == sorted(keys)


def test_what_several_sheets_have_means_the_same_in_all() -> None:
    known = fields()
    for cls in SHEETS.values():
        for fact in facts_of(cls):
            assert (known[fact.key].unit, known[fact.key].values) == (fact.unit, fact.values)


def test_unknown_facts_are_left_out_unless_the_class_names_them() -> None:
    assert {"step": "tcp", "min_ms": None, "avg_ms": None, "p95_ms": None, "max_ms": None} == to_plain(
        RepeatedStep(step="tcp")
    )
    assert {} == to_plain(TCP())
    assert None is to_plain(RequestGroup())["icap_status"]
    assert {"icap_status": 404} == to_plain(PastedAnswer(answer=Answer(icap_status=404)))


def test_the_facts_of_a_part_stand_beside_the_others() -> None:
    sheet = Options(endpoint=Endpoint(port=1344), answer=Answer(icap_status=200), offers_204=True)
    plain = {"port": 1344, "icap_status": 200, "offers_204": True}

    assert plain == to_plain(sheet)
    assert sheet == from_plain(Options, plain)


def test_a_key_that_is_no_name_in_python() -> None:
    assert 3 == to_plain(Bucket(refused_500=3))["refused-500"]
    assert Bucket(refused_500=3) == from_plain(Bucket, {"refused-500": 3})


def test_a_part_is_found_by_its_type() -> None:
    sheet = Options(answer=Answer(icap_status=200))
    assert (sheet.answer, sheet, sheet, None) == (
        sheet.part(Answer), sheet.part(Options), sheet.part(ProbeSheet), sheet.part(TLS),
    )  # fmt: skip
    assert Transfer() == sheet.part(Transfer)


def test_the_other_record_has_the_last_word() -> None:
    assert Answer(icap_status=204, icap_reason="OK", threats=()) == (
        Answer(icap_status=200, icap_reason="OK", threats=("a",)) | Answer(icap_status=204, threats=())
    )
    assert Options(answer=Answer(icap_status=200, istag="x"), error="late") == (
        Options(answer=Answer(icap_status=200)) | Options(answer=Answer(istag="x"), error="late")
    )


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Transfer(answer_ms=float("nan")), {"answer_ms": None}),
        (Transfer(answer_ms=float("inf")), {"answer_ms": None}),
        (TCP(error="\ud83d\ude00"), {"error": "\U0001f600"}),  # two surrogates are one character in JSON
        (TCP(error="\ud83d"), {"error": "\ud83d"}),
    ],
)
def test_what_json_can_not_keep(value: Record, plain: dict[str, object]) -> None:
    assert plain == to_plain(value)


def test_a_fact_of_another_type_is_refused_with_its_place() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.sizes_tried\[0\]\.size"):
        from_plain(sheet_type("probe", "size"), {"sizes_tried": [{"size": "long"}]})


def test_the_sheet_of_a_probe_that_is_not_known_has_what_all_have() -> None:
    assert (ProbeSheet, RequestGroup, Sheet) == (
        sheet_type("probe", "tomorrow"), sheet_type("log", "tomorrow"), sheet_type("tomorrow", ""),
    )  # fmt: skip


class _Undocumented(Record):
    name: Text | None = None


class _OfNoKind(Record):
    name: Annotated[str | None, about("name", "a name")] = None


@pytest.mark.parametrize(("cls", "words"), [(_Undocumented, "about"), (_OfNoKind, "kind")])
def test_a_fact_needs_documentation_and_a_text_a_kind(cls: type[Record], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        facts_of(cls)
