"""What `lint` looked at: the virtual services, and whether their uploads reach ICAP."""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.config.services import (
    REASONS,
    SCANNED,
    AllowedBefore,
    ChildrenWithoutICAP,
    Methods,
    MethodsPast,
    OtherMatches,
    Paths,
    PathsOnly,
)
from icapdiag.facts.run import Subject
from icapdiag.facts.sheet import FileName, ProfileName, Record, Text, VirtualService, Word, about


class RuleSummary(Record):
    """A rule that sends requests to ICAP."""

    name: Annotated[Text | None, about("rule", "its name")] = None
    methods: Methods = None
    paths: Paths = None
    other_matches: OtherMatches = None


class ServiceSummary(Record):
    """A virtual service, and whether its uploads reach ICAP by this configuration."""

    required = frozenset({"name", "scanned"})
    object: Annotated[Word | None, about("object", "virtualservice, hostrule or l7rule")] = None
    name: Annotated[VirtualService | None, about("virtual service", "its name")] = None
    scanned: Annotated[Word | None, about("scanned", "uploads reach ICAP", values=SCANNED)] = None
    why: Annotated[Word | None, about("why", "they do not, or nobody can say", values=REASONS)] = None
    rules: Annotated[tuple[RuleSummary, ...] | None, about("rules", "that send requests to ICAP, in their order")] = (
        None
    )
    methods_past: MethodsPast = None
    paths_only: PathsOnly = None
    allowed_before: AllowedBefore = None
    children_without_icap: ChildrenWithoutICAP = None
    profile: Annotated[ProfileName | None, about("ICAP profile", "that it refers to")] = None
    members: Annotated[int | None, about("members", "that Avi can use; absent: not visible")] = None
    fail_action: Annotated[
        Word | None, about("fail_action", "of that profile, written or Avi's default; absent: not visible")
    ] = None


class LintSubject(Subject):
    """lint: files of an Avi configuration."""

    inputs: Annotated[tuple[FileName, ...], about("inputs", "as given on the command line")] = ()
    services: Annotated[tuple[ServiceSummary, ...], about("virtual services", "that were looked at")] = ()
    profiles: Annotated[tuple[ProfileName, ...] | None, about("ICAP profiles", "that were looked at")] = None
    objects: Annotated[dict[Word, int] | None, about("objects", "in the files, by kind")] = None
    without_icap: Annotated[
        tuple[VirtualService, ...] | None, about("without ICAP", "virtual services with no profile and no rule for it")
    ] = None
