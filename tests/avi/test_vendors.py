"""The vendors of ICAP logs are those that an ICAP profile can have, by Avi's schema."""

from __future__ import annotations

import csv
from pathlib import Path

from icapdiag.avi.vocabulary import VENDORS

SCHEMA = Path(__file__).parents[1] / "data" / "avi-schema.csv"


def test_vendors() -> None:
    with SCHEMA.open(newline="") as file:
        (words,) = [
            row["enum"] for row in csv.DictReader(file) if (row["object"], row["field"]) == ("IcapProfile", "vendor")
        ]

    assert VENDORS.keys() == set(words.replace("|", " ").replace(";", " ").replace(",", " ").split())
