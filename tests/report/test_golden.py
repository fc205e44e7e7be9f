"""Reports that an earlier version saved: they are read, and give what they gave."""

from __future__ import annotations

import pytest

from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import read_report
from tests import golden


@pytest.mark.parametrize("form", golden.forms())
@pytest.mark.parametrize("name", golden.names())
def test_a_saved_report_is_drawn_as_it_was(name: str, form: str) -> None:
    expected = golden.drawn(name, form)
    assert expected == render(read_report(golden.saved(name)), form)


def test_no_format_is_left_out() -> None:
    assert 14 <= len(golden.forms())
