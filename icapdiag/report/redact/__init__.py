"""Reports that may leave the house: what could identify a site is replaced by pseudonyms, before any renderer sees it.

The rule is to keep what is known to be harmless and to replace all else: a text is kept word by word where the
word is one of our own (`words.txt`), a short number or a date. So nobody has to foresee what a server, a log
or a pool file may hold.
"""

from icapdiag.report.redact.pseudonyms import Pseudonyms
from icapdiag.report.redact.report import Replaced, redact

__all__ = ["Pseudonyms", "Replaced", "redact"]
