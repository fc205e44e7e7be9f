"""What an Avi configuration says, object by object: values, written or Avi's default, and what follows from them.

A fact that has the name of a field of Avi's API is that field's value. Where nothing is written it is Avi's default;
``stated`` names the fields that are written. Absent facts are not visible in the files.
"""

from __future__ import annotations

from icapdiag.facts.config.chain import GroupSheet, MonitorSheet, PKISheet, PoolSheet, ProfileSheet, ServerSheet
from icapdiag.facts.config.places import OBJECTS, ObjectSheet, Place, Setting, SettingSheet
from icapdiag.facts.config.services import (
    LIKELY_NOT,
    AnalyticsSheet,
    EngineGroupSheet,
    RuleSheet,
    VirtualServiceSheet,
)
from icapdiag.facts.config.subject import LintSubject, RuleSummary, ServiceSummary

__all__ = [
    "LIKELY_NOT",
    "OBJECTS",
    "SHEETS",
    "AnalyticsSheet",
    "EngineGroupSheet",
    "GroupSheet",
    "LintSubject",
    "MonitorSheet",
    "ObjectSheet",
    "PKISheet",
    "Place",
    "PoolSheet",
    "ProfileSheet",
    "RuleSheet",
    "RuleSummary",
    "ServerSheet",
    "ServiceSummary",
    "Setting",
    "SettingSheet",
    "VirtualServiceSheet",
]

SHEETS: dict[str, type[ObjectSheet]] = {
    "virtualservice": VirtualServiceSheet,
    "hostrule": VirtualServiceSheet,
    "l7rule": VirtualServiceSheet,
    "rule": RuleSheet,
    "icapprofile": ProfileSheet,
    "poolgroup": GroupSheet,
    "pool": PoolSheet,
    "server": ServerSheet,
    "healthmonitor": MonitorSheet,
    "pkiprofile": PKISheet,
    "analyticsprofile": AnalyticsSheet,
    "serviceenginegroup": EngineGroupSheet,
    "setting": SettingSheet,
}
"""By the kind of object, which is the probe of an observation."""
