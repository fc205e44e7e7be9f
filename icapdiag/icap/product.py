"""Which product answers, as far as its headers say: advice for one vendor's product is of no use for another's."""

from __future__ import annotations

import re

from icapdiag.icap.message import Headers

UNKNOWN_PRODUCT = "unknown"  # headers that name a program, and none of these

# The first that is found counts: squidclamav and others run inside of c-icap, which names itself as well.
_PRODUCTS = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("squidclamav", r"squidclamav"),
        ("c-icap", r"\bc-icap\b"),
        ("e2guardian", r"e2guardian"),
        ("metadefender", r"metadefender|\bopswat\b"),
        ("kaspersky", r"kaspersky|\bKAV\b|\bKL ICAP\b"),
        ("fortisandbox", r"fortisandbox|fortinet"),
        ("icapeg", r"icapeg|\bGMalware|\bg3\b"),
        ("symantec-engine", r"symantec (?:antivirus )?(?:scan|protection) engine"),
        ("symantec-dlp", r"vontu|symantec (?:data loss|dlp)|network prevent"),
        ("bluecoat", r"blue ?coat|\bprox(?:y)?av\b|content analysis"),
        ("skyhigh", r"mcafee web gateway|skyhigh|\bmwg\b|webwasher"),
        ("trellix", r"trellix|fireeye"),
        ("trend-micro", r"trend ?micro|deep discovery|\biwsva\b|interscan"),
        ("sophos", r"sophos"),
        ("eset", r"\beset\b"),
        ("withsecure", r"f-secure|withsecure"),
        ("bitdefender", r"bitdefender"),
        ("check-point", r"check ?point"),
        ("forcepoint", r"forcepoint|websense"),
        ("nsx-defender", r"lastline|nsx defender"),
        ("clearswift", r"clearswift|mimesweeper"),
    )
)
PRODUCTS = (*(name for name, _ in _PRODUCTS), UNKNOWN_PRODUCT)
SCANNERS = frozenset(PRODUCTS) - {
    "c-icap", "e2guardian", "icapeg", "symantec-dlp", "bluecoat", "skyhigh", "forcepoint", "clearswift", UNKNOWN_PRODUCT
}  # fmt: skip
"""Those that are virus scanners; the others have services of many kinds."""
_NAMING = ("Service", "Server", "X-Server", "Service-ID")
_LONGEST = 500  # characters of a header that are looked at
NO_ENGINE = "CI0001-1B2M2Y8AsgTpgAmY7PhCfg"
"""How the ISTag of c-icap's virus_scan begins without an engine: the MD5 of nothing, in base64."""
_OWN_HEADERS = (("icapeg", "X-ICAPeg-Shadow-Service"),)  # that no other product has
_TAGS = (("c-icap", re.compile(r'"?CI0001-')),)  # of ISTag, where nothing names itself


def product_of(headers: Headers) -> str | None:
    """A word of `PRODUCTS`; None where no header says anything about it."""
    named = " ".join(value[:_LONGEST] for name in _NAMING for value in headers.get_all(name)[:3])
    for name, pattern in _PRODUCTS:
        if pattern.search(named):
            return name
    own = next((name for name, header in _OWN_HEADERS if header in headers), None)
    tag = headers.get("ISTag") or ""
    return own or next((name for name, pattern in _TAGS if pattern.match(tag)), UNKNOWN_PRODUCT if named else None)


# Where the products have their service for requests, as delivered; "*" asks the server as a whole.
KNOWN_PATHS = (
    "/OMSScanReq-AV", "/avscan", "/reqmod", "/request", "/req", "/av/reqmod", "/scan", "/virus_scan", "/srv_clamav",
    "/squidclamav", "/SYMCScanReq-AV", "/REQMOD", "/interscan", "/sandblast", "/echo", "*",
)  # fmt: skip
_NO_SCANNER = re.compile(r"echo|\bdemo\b|url.?(?:check|filter)", re.IGNORECASE)
_SCANNER = re.compile(r"scan|virus|malware|clam|sandblast|\bav\b", re.IGNORECASE)


def names_no_scanner(name: str) -> bool:
    """Whether a service's path or name is that of an echo, a demo or a URL filter."""
    return _NO_SCANNER.search(name) is not None


def names_scanner(name: str) -> bool:
    """Whether a service's path or name is that of a virus scanner."""
    return _SCANNER.search(name) is not None
