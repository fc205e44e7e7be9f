"""Reports that an earlier version saved: they are read, and give what they gave."""

from __future__ import annotations

import json

import pytest

from icapdiag.facts.renamed import renamed
from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import read_report
from tests import golden
from tests.report.readers import report_validator


@pytest.mark.parametrize("form", golden.forms())
@pytest.mark.parametrize("name", golden.names())
def test_a_saved_report_is_drawn_as_it_was(name: str, form: str) -> None:
    assert golden.drawn(name, form) == render(read_report(golden.saved(name)), form)


@pytest.mark.parametrize("name", golden.names())
def test_a_saved_report_is_valid(name: str) -> None:
    """What was valid stays so, as it was saved and by today's names: keys are only ever added."""
    saved = golden.saved(name)
    for report in (json.loads(saved), json.loads(saved, object_hook=renamed)):
        assert [] == [error.message for error in report_validator().iter_errors(report)]


def test_no_format_is_left_out() -> None:
    assert 14 <= len(golden.forms())
