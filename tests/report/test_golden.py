"""Reports that an earlier version saved: they are read, and give what they gave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import read_report
from tests import golden
from tests.report.readers import report_validator

_JSON = {"json", "ndjson", "sarif"}  # in which keys may stand in another order


@pytest.mark.parametrize("form", golden.forms())
@pytest.mark.parametrize("name", golden.names())
def test_a_saved_report_is_drawn_as_it_was(name: str, form: str) -> None:
    expected, found = golden.drawn(name, form), render(read_report(golden.saved(name)), form)
    if form in _JSON:
        assert _parsed(expected, form) == _parsed(found, form)
    else:
        assert expected == found


def _parsed(text: str, form: str) -> list[Any]:
    parts = text.splitlines() if form == "ndjson" else [text]
    return [json.loads(part, object_hook=_without_unknown) for part in parts]


def _without_unknown(values: dict[str, Any]) -> dict[str, Any]:
    """A fact that is not known may be null or absent; evidence had some as null."""
    return {key: value for key, value in values.items() if value is not None}


@pytest.mark.parametrize("name", golden.names())
def test_a_saved_report_is_valid(name: str) -> None:
    """What was valid stays so: keys are only ever added."""
    assert [] == [error.message for error in report_validator().iter_errors(json.loads(golden.saved(name)))]


def test_no_format_is_left_out() -> None:
    assert 14 <= len(golden.forms())
