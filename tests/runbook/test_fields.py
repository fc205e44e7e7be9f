"""The documentation of fields is complete, and runbooks need no more than it."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.facts.fields import (
    BASE,
    BOOLEAN,
    INTEGER,
    NUMBER,
    PROBES,
    RECORDS,
    SKIP_REASONS,
    TEXT,
    TEXTS,
    Field,
    fields,
)
from icapdiag.icap.header_table import FACTS
from icapdiag.lab import FAULTS, serve_lab
from icapdiag.model import JSONValue, flatten
from icapdiag.pool import load_pool
from icapdiag.probe import PROBES as CATALOGUE
from icapdiag.probe import Settings, probe_pool
from icapdiag.vocabulary import Reason, Status, Verdict

PROMPT = ("healthy", "tls-healthy", "tls-expired", "disabled", "refused", "no-security-rule", "not-icap-http",
          "bad-chunk", "403", "answer-then-rst", "folded-violations")  # fmt: skip


def fits(value: JSONValue, field: Field) -> bool:
    match field.type:
        case "text":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "list of text":
            return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        case _:
            return isinstance(value, list | tuple) and all(isinstance(item, dict) for item in value)


@pytest.mark.parametrize("field", fields().values(), ids=fields())
def test_each_field_is_documented(field: Field) -> None:
    assert field.meaning
    assert field.type in {TEXT, INTEGER, NUMBER, BOOLEAN, TEXTS, RECORDS}
    assert field.sources
    assert set(field.probes) <= set(PROBES)
    assert ("probe" in field.sources) == bool(field.probes)


def test_the_closed_vocabularies_are_those_of_the_model() -> None:
    assert [str(status) for status in Status] == list(fields()["status"].values)
    assert [str(verdict) for verdict in Verdict] == list(fields()["verdict"].values)
    assert {*(str(reason) for reason in Reason), *PROBES, *SKIP_REASONS} == set(fields()["reason"].values)


def test_every_header_that_becomes_a_fact_is_documented() -> None:
    assert set() == {header.fact for header in FACTS} - fields().keys()
    documented = {header.name: fields()[header.fact] for header in FACTS}
    assert {header.name: header.kind for header in FACTS} == {name: field.type for name, field in documented.items()}
    assert [] == [name for name, field in documented.items() if f"header {name} " not in field.meaning]


def test_the_fields_of_an_observation_are_documented() -> None:
    assert set() == set(BASE) - fields().keys()


async def test_what_probes_observe_is_documented(tmp_path: Path) -> None:
    assert set() == set(PROMPT) - FAULTS.keys()
    path = tmp_path / "pool.yaml"
    async with serve_lab(PROMPT) as lab:
        path.write_text(lab.pool_yaml)
        results = await probe_pool(load_pool(path), Settings(eicar=True), probes=CATALOGUE)
    wrong = []
    for member in results.members:
        for observation in member.observations:
            for name, value in flatten(observation).items():
                field = fields().get(name)
                if field is None:
                    wrong.append(f"{observation.probe}: {name} is not documented")
                elif value is None or (name == "probe" and value == ""):
                    continue
                elif not fits(value, field):
                    wrong.append(f"{observation.probe}: {name} is {field.type}, not {value!r}")
                elif observation.probe and observation.probe not in field.probes:
                    wrong.append(f"{observation.probe}: {name} is documented for {field.probes}")
                elif field.values and not {*(value if isinstance(value, list | tuple) else [value])} <= {*field.values}:
                    wrong.append(f"{observation.probe}: {name} is never {value!r}")

    assert [] == wrong
