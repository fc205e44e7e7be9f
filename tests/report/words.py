"""Makes the list of harmless words out of our own texts: ``python -m tests.report.words`` writes it anew.

With ``--check`` it is compared only: exit status 1 if words are missing. Until they are added they are
replaced in redacted reports like any unknown word.
"""

from __future__ import annotations

import ast
import errno
import os
import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = ROOT / "icapdiag" / "report" / "redact" / "words.txt"
_WORD = re.compile(r"[^\W_]+")
_CODE = re.compile(r"(?=.*\d)(?=.*[a-z])\w{11,}")  # letters and digits: an example's key or digest, and no word
_SHORT = 3  # characters; shorter words are harmless anyway
_OTHERS = """
January February March April May June July August September October November December
Monday Tuesday Wednesday Thursday Friday Saturday Sunday
nginx apache httpd haproxy varnish squid openssh openssl debian ubuntu centos redhat windows linux microsoft
sslv2 sslv3 tlsv1 alert handshake failure certificate issuer subject encoding charset deflate gzip chunked
pdf zip exe doc docx xls xlsx txt html json yaml yml log csv bin iso rar tar jpeg png jpg
"""


def words() -> list[str]:
    """All words of more than three characters in the runbooks and in the program's texts, in lower case, sorted."""
    found = {word.lower() for text in _texts() for word in _WORD.findall(text)}
    return sorted(word for word in found if len(word) > _SHORT and not word.isdigit() and not _CODE.fullmatch(word))


def _texts() -> Iterator[str]:
    yield _OTHERS
    for runbook in (ROOT / "runbooks").glob("*.md"):
        yield runbook.read_text("utf-8")
    for module in (ROOT / "icapdiag").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    yield from (status.phrase for status in HTTPStatus)
    yield from (os.strerror(number) for number in errno.errorcode)


def main(arguments: list[str]) -> int:
    found = words()
    if arguments != ["--check"]:
        LIST.write_text("\n".join(found) + "\n", "utf-8")
        return 0
    missing = sorted(set(found) - set(LIST.read_text("utf-8").split()))
    if missing:
        sys.stderr.write(
            f"{LIST}: {len(missing)} words are missing: {', '.join(missing[:10])}; run python -m tests.report.words\n"
        )
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
