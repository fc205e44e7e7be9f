"""Makes the lists of harmless words and runs of our own texts: ``python -m tests.report.words`` writes them anew.

A run is a path, a dotted name or a header's name: as a whole it is harmless, though others in its shape are not. What
steps of runbooks have that looks like somebody's (``?name=NAME``) is in a list of its own, for notes and steps only.

With ``--check`` they are compared only: exit status 1 if some are missing. Until they are added they are
replaced in redacted reports like any unknown word.
"""

from __future__ import annotations

import ast
import csv
import errno
import os
import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from icapdiag.report.redact import Pseudonyms
from icapdiag.report.redact.known import WORD, vocabulary
from icapdiag.report.redact.texts import Texts
from icapdiag.runbook import load_runbooks
from icapdiag.runbook.causes import PLACEHOLDER

ROOT = Path(__file__).parents[2]
LIST = ROOT / "icapdiag" / "report" / "redact" / "words.txt"
STEPS = LIST.with_name("steps.txt")
_EDGES = "`\"'()[]{},;:."  # around what steps name
_WORD = re.compile(r"[^\W_]+")
_CODE = re.compile(r"(?=.*\d)(?=.*[a-z])\w{11,}")  # letters and digits: an example's key or digest, and no word
_RUN = re.compile(r"(?<![\w.:/@-])[/]?[^\W_]+(?:[._/-][^\W_]+)+(?![\w@:-])", re.ASCII)
_SHAPED = re.compile(r"/.*/|^/|[a-z].*\.[a-z]")  # as runs that go where they are not known
_HEADER = re.compile(r"\bX(?:-[A-Z][A-Za-z0-9]+)+\b|(?<=\s)x(?:-[a-z0-9]+)+(?=\s)")
_EXAMPLE = re.compile(r"example|^/tmp/|\d\.\d+\.")
_OTHERS = """
January February March April May June July August September October November December
Monday Tuesday Wednesday Thursday Friday Saturday Sunday
nginx apache httpd haproxy varnish squid openssh openssl debian ubuntu centos redhat windows linux microsoft
sslv2 sslv3 tlsv1 alert handshake failure certificate issuer subject encoding charset deflate gzip chunked
mon tue wed thu fri sat sun gmt utc am pm ms kb mb gb kib mib gib sec min
accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-origin age cache-control
content-disposition content-language content-length content-location content-md5 content-range content-security-policy
content-type cookie dnt etag expect expires from if-match if-modified-since if-none-match keep-alive last-modified link
location max-forwards origin pragma proxy-authenticate proxy-authorization proxy-connection range referer
referrer-policy retry-after set-cookie strict-transport-security te trailer transfer-encoding upgrade user-agent vary
via warning
www-authenticate x-accel-buffering x-cache x-cache-lookup x-content-type-options x-forwarded-for x-forwarded-host
x-forwarded-proto x-frame-options x-powered-by x-real-ip x-request-id x-authenticated-groups x-outer-container-is-mime
x-server-name
x-squid-error x-xss-protection
x-next-services x-apparent-data-types x-client-username x-server-ip x-server-port x-subscriber-id x-ecap
iso-8859-1 utf-8 us-ascii windows-1252 xmlns lang xhtml w3c dtd doctype www.w3.org localhost
eicar-test-signature.unofficial win.test.eicar_hdb-1 ssl.c /av/reqmod /av/respmod lighttpd tinyproxy unmodified
tls tlsv11 tlsv12 tlsv13 aes gcm cbc sha1 sha256 sha384 sha512 chacha20 poly1305 ecdhe dhe rsa ecdsa
x86 amd64 aarch64 arm64 cloud generic
err miss hit none other direct protocol unknown
text/plain text/html text/xml application/json application/octet-stream application/pdf application/zip
multipart/form-data message/http image/png image/jpeg image/gif
eicar.com eicar.txt eicar.com.txt eicar_com.zip eicarcom2.zip
pdf zip exe doc docx xls xlsx txt html json yaml yml log csv bin iso rar tar jpeg png jpg
"""


def words() -> list[str]:
    """All words of the runbooks and of the program's texts, and known runs, in lower case, sorted."""
    texts = tuple(_texts())
    found = {word.lower() for text in texts for word in _WORD.findall(text) if word.isascii()}
    runs = {run.lower() for text in (_OTHERS, *_runbooks()) for run in _RUN.findall(text)}
    headers = {name.lower() for text in texts for name in _HEADER.findall(text)}
    return sorted(
        {word for word in found if len(word) > 1 and not word.isdigit() and not _CODE.fullmatch(word)}
        | {run for run in runs if _SHAPED.search(run) and not _EXAMPLE.search(run)}
        | headers
    )


def phrases() -> list[str]:
    """What steps of our runbooks have between spaces that would be replaced, up to the first placeholder; sorted."""
    texts = Texts(Pseudonyms(), {}, lambda *_: None)
    found: set[str] = set()
    for step in steps():
        for token in step.split():
            literal, *filled = PLACEHOLDER.split(token, maxsplit=1)
            literal = literal.lstrip(_EDGES) if filled else literal.strip(_EDGES)
            if WORD.search(literal) and texts.of(literal) != literal:
                found.add(literal)
    return sorted(found)


def steps() -> Iterator[str]:
    """The texts of all steps of our runbooks."""
    for runbook in load_runbooks().runbooks:
        for step in (
            *runbook.now,
            *runbook.check,
            *(each for cause in runbook.causes for each in cause.fix + cause.settle),
        ):
            yield step.text


def _runbooks() -> Iterator[str]:
    return (runbook.read_text("utf-8") for runbook in (ROOT / "runbooks").glob("*.md"))


def _texts() -> Iterator[str]:
    yield _OTHERS
    yield from _runbooks()
    with (ROOT / "tests" / "data" / "headers.csv").open(encoding="utf-8") as rows:
        yield from (row["header"] for row in csv.DictReader(rows))
    for module in (ROOT / "icapdiag").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    yield from (status.phrase for status in HTTPStatus)
    yield from (os.strerror(number) for number in errno.errorcode)


def main(arguments: list[str]) -> int:
    missing: list[str] = []
    for file, listed in ((LIST, words), (STEPS, phrases)):  # the second by the first
        found = listed()
        if arguments != ["--check"]:
            file.write_text("\n".join(found) + "\n", "utf-8")
            vocabulary.cache_clear()
        elif left := sorted(set(found) - set(file.read_text("utf-8").splitlines())):
            missing += left
            sys.stderr.write(
                f"{file}: {len(left)} are missing: {', '.join(left[:10])}; run python -m tests.report.words\n"
            )
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
