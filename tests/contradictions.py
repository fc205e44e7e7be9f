"""Words of steps that are about one product only, or that are opposites of each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

OF_PRODUCTS = {
    "c-icap": r"c-icap\.conf|\bMaxServers|ThreadsPerChild|ScanFileTypes|virus_scan\.",
    "squidclamav": r"squidclamav\.conf",
    "metadefender": r"mdicapsrv|Workflow Management",
    "kaspersky": r"ScanInReqMode|kavicapd",
    "fortisandbox": r"FortiSandbox",
    "icapeg": r"config\.toml",
}
INSIDE = {"squidclamav": {"c-icap"}}  # which runs inside of which
REPLACES = r"\bUse a service that"  # advice to take another product
OPPOSITES = (
    (r"switch enable_preview off", r"switch enable_preview on\b"),
    (r"switch allow_204 off", r"switch allow_204 on\b"),
    (r"set fail_action (?:to )?ICAP_FAIL_CLOSED", r"set fail_action (?:to )?ICAP_FAIL_OPEN"),
)


def of_another_product(steps: Iterable[str], product: str) -> Iterator[str]:
    """The steps that are about another product only."""
    own = {product, *INSIDE.get(product, ())}
    others = "|".join(words for name, words in OF_PRODUCTS.items() if name not in own)
    return (step for step in steps if re.search(others, step) and not re.search(REPLACES, step))


def opposites(steps: Iterable[str]) -> Iterator[str]:
    """What is advised and advised against."""
    told = "\n".join(steps)
    for one, other in OPPOSITES:
        if re.search(one, told, re.IGNORECASE) and re.search(other, told, re.IGNORECASE):
            yield f"{one} and {other}"
