"""pyicapserver of PyPI: it answers as a Python program shows bytes, and no client finds the parts of its answers."""

from __future__ import annotations

import pytest

from tests.interop import stand_ins
from tests.interop.clients import check
from tests.interop.diagnosed import Diagnosis
from tests.interop.programs import Programs

BYTES = Diagnosis(
    "malformed-response",
    "header-names",
    "proven",
    "[Dd]ecode names",
    never="service_uri|Switch on the response headers",
)


@pytest.fixture(scope="module")
def url(programs: Programs) -> str:
    return f"icap://127.0.0.1:{stand_ins.pyicapserver(programs)}/scan"


@pytest.mark.parametrize("arguments", [(), ("--eicar",)], ids=["without EICAR", "with EICAR"])
def test_its_answers_break_the_protocol(url: str, arguments: tuple[str, ...]) -> None:
    BYTES.holds(check(url, *arguments, "--timeout", "2"))
