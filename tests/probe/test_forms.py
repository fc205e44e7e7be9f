"""EICAR in the forms in which files are uploaded: what is sent, and when."""

from __future__ import annotations

import base64
import email
import io
import json
import zipfile
from typing import Any

import pytest

from icapdiag.facts import Answer
from icapdiag.icap.samples import FORMS, eicar
from icapdiag.lab import serve_lab
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.running.catalogue import choose
from tests.probe.fakes import member, pool_of

SETTINGS = Settings(eicar=True, correlation_id="x", timeout=2)


def test_a_form_is_what_a_browser_sends() -> None:
    form = FORMS["multipart"]
    head = f"Content-Type: {form.content_type}\r\n\r\n".encode()

    parts: Any = email.message_from_bytes(head + form.wrap(eicar())).get_payload()

    assert ["comment", "file"] == [part.get_param("name", header="content-disposition") for part in parts]
    assert ("eicar.com", eicar()) == (parts[1].get_filename(), parts[1].get_payload(decode=True))


def test_an_archive_json_and_a_pdf_hold_the_file() -> None:
    with zipfile.ZipFile(io.BytesIO(FORMS["zip"].wrap(eicar()))) as archive:
        assert [("eicar.com", eicar())] == [(name, archive.read(name)) for name in archive.namelist()]
    assert eicar() == base64.b64decode(json.loads(FORMS["json"].wrap(eicar()))["content"])
    pdf = FORMS["pdf"].wrap(eicar())
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])
    places = [int(line[:10]) for line in pdf[start:].splitlines() if line.endswith(b" n ")]
    assert pdf[start:].startswith(b"xref")
    assert [b"%d 0 obj" % number for number in range(1, 6)] == [pdf[place:].split(b"\n")[0] for place in places]
    assert b"stream\n" + eicar() + b"\nendstream" in pdf


@pytest.mark.parametrize(
    ("fault", "depth", "expected"),
    [
        ("healthy", "standard", {"eicar": "blocked", "eicar-form": "blocked", "eicar-again": "not-needed"}),
        ("form-missed", "standard", {"eicar": "blocked", "eicar-form": "allowed", "eicar-again": "not-needed"}),
        ("eicar-missed", "standard", {"eicar": "allowed", "eicar-form": "not-needed", "eicar-again": None}),
        (
            "form-missed",
            "deep",
            {"eicar": "blocked", **dict.fromkeys(("eicar-form", "eicar-zip", "eicar-pdf", "eicar-json"), "allowed")},
        ),
    ],
)
async def test_sent_where_the_file_itself_is_detected(fault: str, depth: Any, expected: dict[str, str | None]) -> None:
    async with serve_lab([fault]) as lab:
        pool = pool_of(member(lab.members[0].port))
        only = ("eicar", *(name for name in expected if name != "eicar")) if depth == "deep" else ()

        results = await probe_pool(pool, SETTINGS, probes=choose(PROBES, depth=depth, only=only))

    found = {
        each.probe: each.reason or getattr(each.facts.part(Answer), "verdict", None)
        for each in results.observations
        if each.probe.startswith("eicar")
    }
    assert expected == found
