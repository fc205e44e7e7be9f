"""Healthy scanners that speak as each vendor's product does: a check must find nothing amiss with any.

What they send is recorded or documented unless the summary says "likely". All serve REQMOD at the lab's
service path, block EICAR and pass everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from icapdiag.lab.members import Fault
from icapdiag.lab.scanner import OFFERS, Answer, Fields, Reply, Scanner, allow, changed, decide, echo, page

_THREAT = "EICAR Test String"
_TYPE_0 = ("X-Infection-Found", f"Type=0; Resolution=2; Threat={_THREAT};")
_ID = ("X-Virus-ID", _THREAT)


def refusal(
    *headers: tuple[str, str], status: int = 200, http: str = "HTTP/1.1 403 Forbidden", http_headers: Fields = ()
) -> Reply:
    """An answer with a block page; ``headers`` are ICAP's, ``http_headers`` the page's."""
    head, body = page(http, "Virus found")
    lines = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in http_headers)
    head = head.removesuffix(b"\r\n") + lines + b"\r\n"
    answer = Answer(status, "OK" if status == 200 else "Created", headers, http_response=head, body=body)
    return lambda _: answer


def passing(*headers: tuple[str, str], always_echo: bool = False) -> Reply:
    """The clean answer (204, or the echo) with some headers of the vendor's."""
    return lambda request: replace((echo if always_echo else allow)(request), headers=headers)


def _healthy(
    name: str, summary: str, infected: Reply, *, clean: Reply = allow, common: Fields, offers: Fields = OFFERS
) -> Fault:
    return Fault(
        name, summary, None, Scanner(scan=decide(clean=clean, infected=infected), common=common, offers=offers)
    )


_OPSWAT: Fields = (("ISTag", '"001605794100"'), ("Server", "Metadefender Core V4"))
_OPSWAT_OFFERS = (*changed(OFFERS, Service="", Preview="0"), ("X-Response-Info", "Options"))
_OPSWAT_BLOCK = refusal(
    ("X-ICAP-Profile", "File process"),
    ("X-Response-Info", "Blocked"),
    ("X-Response-Desc", "Infected"),
    ("X-Blocked-Reason", "Infected"),
    ("X-Virus-ID", _THREAT),
    ("X-Infection-Found", f"Type=0; Resolution=0; Threat={_THREAT};"),
    ("X-Violations-Found", f"1\nupload\n{_THREAT}\n0\n0"),
)
_SYMANTEC: Fields = (("ISTag", '"4C65DD9AED9BF620ED7F72DF6B36BE66"'), ("Service-ID", "SYMCSCANREQ-AV"),
                     ("Service", "Symantec Scan Engine/5.2.11.131"))  # fmt: skip
_SYMANTEC_FOUND = (_TYPE_0, ("X-Violations-Found", f"1\nno.file\n{_THREAT}\n11101\n2"))
_SKYHIGH: Fields = (("ISTag", '"00002390-3.96.30"'), ("Server", "McAfee Web Gateway 7.7.2 build 20913"))
_KASPERSKY: Fields = (("ISTag", '"W3E4R7U9-L2E4-2"'), ("Server", "ICAP-Server-Software/1.0"))
_FSECURE: Fields = (("ISTag", '"FSAV-2015-08-18_06"'), ("Server", "F-Secure ICAP Server"))

_ALL = (
    _healthy("c-icap", "c-icap's virus_scan with ClamAV",
             refusal(_TYPE_0, ("X-Violations-Found", f"1\n-\n{_THREAT}\n0\n0"), http="HTTP/1.0 403 Forbidden"),
             common=(("ISTag", '"CI0001-2.5.10.abcdef"'), ("Server", "C-ICAP/0.5.10")),
             offers=changed(OFFERS, Service="C-ICAP/0.5.10 server - Antivirus service", Allow="204, 206",
                            Max_Connections="")),
    _healthy("squidclamav", "squidclamav, which redirects to its block page",
             refusal(("X-Infection-Found", f"Type=0; Resolution=2; Threat={_THREAT};"), _ID,
                     http="HTTP/1.1 307 Temporary Redirect",
                     http_headers=(("Location", "http://proxy.example.test/cgi-bin/clwarn.cgi"),)),
             common=(("ISTag", '"-1-squidclamav-10"'), ("Server", "C-ICAP/0.5.10"))),
    _healthy("opswat", "MetaDefender ICAP Server", _OPSWAT_BLOCK, common=_OPSWAT, offers=_OPSWAT_OFFERS,
             clean=passing(("X-Response-Info", "Allowed"), ("X-ICAP-Profile", "File process"))),
    _healthy("opswat-echo", "MetaDefender ICAP Server that returns what is clean in a 200", _OPSWAT_BLOCK,
             common=_OPSWAT, offers=_OPSWAT_OFFERS,
             clean=passing(("X-Response-Info", "Allowed"), ("X-Response-Desc", "No Threat Detected"),
                           ("X-ICAP-Profile", "File process"), always_echo=True)),
    _healthy("symantec", "Symantec Protection Engine", refusal(*_SYMANTEC_FOUND), common=_SYMANTEC,
             offers=changed(OFFERS, Preview="4")),
    _healthy("symantec-201", "Symantec Scan Engine 5.2, which answers 201 to what it found",
             refusal(*_SYMANTEC_FOUND, status=201), common=_SYMANTEC, offers=changed(OFFERS, Preview="4")),
    _healthy("skyhigh", "McAfee or Skyhigh Web Gateway with the usual header rules in the page's head",
             refusal(http="HTTP/1.1 403 VirusFound",
                     http_headers=(("X-Virus-Name", _THREAT), ("X-Block-Reason", "Malware found"),
                                   ("X-Block-Result", "80"))),
             common=_SKYHIGH, offers=changed(OFFERS, Preview="30", Service="McAfee Web Gateway 7.7.2 build 20913")),
    _healthy("trend-micro", "Trend Micro Web Gateway",
             refusal(_TYPE_0, _ID, http="HTTP/1.1 403 Forbidden (TMWS Blocked)"),
             common=(("ISTag", '"TM-9.862.1001"'), ("Server", "Trend Micro Web Gateway"))),
    _healthy("trend-micro-ddan", "Trend Micro Deep Discovery Analyzer",
             refusal(("X-Response-Desc", "URL: No risk rating from WRS; FILE: Detected by ATSE"), _TYPE_0, _ID),
             clean=passing(("X-Response-Desc", "URL: No risk rating from WRS")),
             common=(("ISTag", '"12.000.1008"'), ("Server", "Deep Discovery Analyzer 6.8"))),
    _healthy("kaspersky", "Kaspersky Scan Engine with its headers on",
             refusal(("X-Infection-Found", "Type=0; Resolution=0; Threat=virus;"), ("X-Response-Info", "blocked")),
             common=_KASPERSKY, offers=changed(OFFERS, Service="Kaspersky Scan Engine", Preview="", Methods="REQMOD",
                                               Transfer_Preview="")),
    _healthy("kaspersky-kwts", "Kaspersky Web Traffic Security, which names what it passes",
             refusal(("X-Virus-ID", "EICAR-Test-File"), ("X-Response-Info", "blocked")),
             clean=passing(("X-Virus-ID", "no threats"), ("X-Response-Info", "passed")), common=_KASPERSKY),
    _healthy("eset", "ESET Server Security, which never announces 204 and sends it",
             refusal(("X-Infection-Found", f"Type=0; Resolution=0; Threat={_THREAT};"), ("X-Virus-ID", "Virus"),
                     ("X-Response-Info", "Blocked")),
             common=(("ISTag", '"79be82c1484c3f82-1605264975"'),),
             offers=changed(OFFERS, Methods="REQMOD", Service="", Allow="", Options_TTL="", Preview="16384")),
    _healthy("sophos", "Sophos SAVDI",
             refusal(_ID, http_headers=(("X-Blocked", "Virus found during virus scan"),
                                        ("X-Blocked-By", "Sophos Anti-Virus"))),
             common=(("ISTag", '"SAV-5.87"'), ("Service", "Sophos SAVDI"))),
    _healthy("bitdefender", "Bitdefender ICAP Server",
             refusal(_TYPE_0, _ID, ("X-Violations-Found", f"1\nupload\n{_THREAT}\n0\n0")),
             common=(("ISTag", '"bd-7.96"'), ("Service", "Bitdefender ICAP Server 1.5"), ("Service-ID", "BDIS"))),
    _healthy("withsecure", "F-Secure Internet Gatekeeper or WithSecure Atlant",
             refusal(("X-FSecure-Scan-Result", "infected"), ("X-FSecure-Infection-Name", f'"{_THREAT}"')),
             clean=passing(("X-FSecure-Scan-Result", "clean")), common=_FSECURE),
    _healthy("fortisandbox", "FortiSandbox's adapter, asked with the whole body in one go (likely)",
             refusal(_ID), clean=passing(always_echo=True), common=(("ISTag", '"FSA-4.4.5"'),)),
    _healthy("clearswift", "Clearswift Secure ICAP Gateway",
             refusal(("X-Infection-Found", f"Type=0; Resolution=0; Threat={_THREAT};"), _ID,
                     ("X-Violations-Found", f"1\nupload\n{_THREAT}\n1\n0")),
             common=(("ISTag", '"SIG-4.8.0"'),)),
    _healthy("check-point", "Check Point gateway, c-icap beneath (likely)", refusal(_TYPE_0, _ID),
             common=(("ISTag", '"CI0001-sandblast"'), ("Server", "C-ICAP/0.4.4"))),
    _healthy("icapeg", "ICAPeg with a service that enforces",
             refusal(_TYPE_0, ("X-ICAPeg-Shadow-Service", "false")),
             clean=passing(("X-ICAPeg-Shadow-Service", "false"), always_echo=True),
             common=(("ISTag", '"icapeg-1"'), ("Service", "ICAPeg"))),
)  # fmt: skip

DIALECTS: Mapping[str, Fault] = MappingProxyType({fault.name: fault for fault in _ALL})
