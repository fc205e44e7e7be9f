"""The words of ICAP logs that the program knows are those of Avi's models, in avi-log-enums.csv."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import get_args

from icapdiag.avi import entry
from icapdiag.avi.vocabulary import FAILURES, ICAP_CODES, METHODS, VENDORS, concerns_icap, is_unknown
from icapdiag.facts.groups import ACTIONS
from tests.avi.codes import ADF_CODES

DATA = Path(__file__).parents[1] / "data"
CODE = "significant_log"


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _words(field: str, begin: str = "") -> dict[str, str]:
    rows = _rows("avi-log-enums.csv")
    return {row["word"]: row["what"] for row in rows if row["field"] == field and row["word"].startswith(begin)}


def test_actions_methods_and_vendors_of_logs() -> None:
    assert list(_words("action")) == list(ACTIONS)
    assert set(_words("icap_method")) == METHODS.keys() == set(get_args(entry._Method))
    assert set(_words("vendor")) == VENDORS.keys() == set(get_args(entry._Vendor))


def test_the_vendors_of_logs_are_those_of_an_icap_profile() -> None:
    (words,) = [
        row["enum"] for row in _rows("avi-schema.csv") if (row["object"], row["field"]) == ("IcapProfile", "vendor")
    ]
    assert set(words.split()) == set(_words("vendor"))


def test_codes_of_significant_logs() -> None:
    assert set(_words(CODE, "ADF_ICAP")) == ICAP_CODES
    assert {code for code, what in _words(CODE).items() if what.startswith("failed")} == FAILURES
    assert set(_words(CODE)) == ADF_CODES.keys()
    assert all(concerns_icap(code) and not is_unknown(code) for code in _words(CODE))
