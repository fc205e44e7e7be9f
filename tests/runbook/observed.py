"""Observations of OPTIONS and of a sample at a member, with the facts that a test is about."""

from __future__ import annotations

from typing import Any

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import Endpoint
from icapdiag.facts.standard import Options, Sample
from icapdiag.model import Observation
from icapdiag.vocabulary import Status


def options(member: str, **answer: Any) -> Observation:
    facts = Options(endpoint=Endpoint(host=member, port=1344, address="192.0.2.1"), answer=Answer(**answer))
    return Observation(source="probe", probe="options", pool="p", member=member, status=Status.OK, facts=facts)


def eicar(member: str, verdict: str = "allowed", probe: str = "eicar") -> Observation:
    facts = Sample(endpoint=Endpoint(host=member, port=1344, address="192.0.2.1"), answer=Answer(verdict=verdict))
    return Observation(source="probe", probe=probe, pool="p", member=member, status=Status.OK, facts=facts)
