"""What we ask of the runbooks that ship with the program, over what makes any runbook fit (`lint`).

The tests ask for no more: a runbook that `icapdiag runbooks lint` and `icapdiag runbooks test` call right
is right for them.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator

from icapdiag.facts.fields import POOL
from icapdiag.mistakes import Located
from icapdiag.runbook.conditions import EQUALS
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.library import BUILT_IN, Library
from icapdiag.runbook.prose import first_paragraph, first_steps
from icapdiag.runbook.why import overlaps
from icapdiag.vocabulary import Severity

Problem = tuple[str, str]  # where, message

SCRIPT = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
WIDTH = 120  # characters of a line of prose
TITLE = 60  # characters of a title, which names the fault in the headline of a problem
_WHAT = re.compile(r"scanned|block|refused|HTTP 500|\bpass", re.IGNORECASE)
_CODES = ("ADF_ICAP", "ADF_SERVER")  # of significant_log; the log reader keeps no others
# The shell makes the EICAR test file and pipes it: it stands whole in no runbook, and no disk gets it.
_MAKER = r"eicar() { printf '%s' '*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X' | rev; }"
_SAMPLE = re.compile(r"^.*(?<!-)\b(?:eicar|ask|longzip)\b(?!\(\)).*$")
_READING = ("jq ", "grep ")  # commands that look for the word
# A file that is written: by the shell, or by a program's own option. Nothing is kept by /dev/null.
_WRITTEN = re.compile(r"(?<![\d&])>>? *(?!/dev/null|&)\S|\s-(?:o|O|outfile) +(?!/dev/null)\S|\btee\b|-F file=@(?!-)")


def house_rules(library: Library) -> Iterator[Located]:
    """Every problem of our own runbooks with what only these have to keep to."""
    ours = [runbook for runbook in library.runbooks if runbook.origin == BUILT_IN]
    for runbook in ours:
        yield from (runbook.located(where, message) for rule in _RULES for where, message in rule(runbook))
    pairs = {(first, second): where for first, second, where in overlaps(library)}
    for runbook in ours:
        for (first, second), where in pairs.items():
            consequence = second in library.explains(first) or first in library.explains(second)
            if first == runbook.id and second not in runbook.beside and not consequence:
                message = f"{second} is reported for it, too: supersede one of them, or name {second} in 'beside'"
                yield runbook.located(where, message)
        for index, name in enumerate(runbook.beside):
            if name in library and (runbook.id, name) not in pairs:
                yield runbook.located(f"beside[{index}]", f"{name!r} is reported for none of the examples")


def _front(runbook: Runbook) -> Iterator[Problem]:
    if len(runbook.title) > TITLE:
        yield "title", f"name the fault in at most {TITLE} characters, not {len(runbook.title)}"
    if not runbook.stage:
        yield "stage", "is missing: where on a request's way is it?"
    if not runbook.references:
        yield "references", "is missing: where do its facts come from?"
    about_pool = any(record.get("probe") == POOL for record in runbook.examples)
    if about_pool and runbook.severity is Severity.CRITICAL:
        yield "severity", "members that differ are not critical as such: say what else is wrong in another runbook"


def _codes(runbook: Runbook) -> Iterator[Problem]:
    for selection in (*runbook.match, *runbook.unless):
        for condition in selection.conditions:
            if condition.field == "adf_codes" and condition.operator == EQUALS and not condition.fieldref:
                for code in condition.values:
                    if not str(code).startswith(_CODES):
                        message = f"{code!r} is in no record: of Avi's codes those of {' and '.join(_CODES)} are kept"
                        yield f"{selection.where}.{condition.key}", message


def _words(runbook: Runbook) -> Iterator[Problem]:
    """A reader has to learn what it means and what to do; above all whether requests pass unscanned or are refused."""
    meaning = runbook.sections.get("What it means", "")
    if not first_paragraph(meaning):
        yield "## What it means", "it does not begin with a paragraph, which reports show"
    if runbook.severity is not Severity.INFO and not runbook.effect and not _WHAT.search(meaning):
        yield "## What it means", "say whether requests pass unscanned, or are refused or blocked"
    if not runbook.causes and not first_steps(runbook.sections):
        yield "## Fix on the ICAP server", "neither fix has a list of steps, which reports show"


def _steps(runbook: Runbook) -> Iterator[Problem]:
    """Steps stand in a report, where nobody sees the sections."""
    of_causes = (step for cause in runbook.causes for step in (*cause.fix, *cause.settle))
    for step in (*runbook.now, *of_causes, *runbook.check):
        if "see Verify" in step.text:
            yield "## Verify", f"nobody sees it beside this step, so give the command: {step.text[:60]}"


def _lines(runbook: Runbook) -> Iterator[Problem]:
    for heading, text in runbook.sections.items():
        fenced = False
        for line in text.splitlines():
            fenced ^= line.lstrip().startswith("```")
            if len(line) > WIDTH and not fenced and not line.lstrip().startswith("|"):
                yield f"## {heading}", f"wrap the prose at {WIDTH} characters: {line[:40]}…"
            if "/analytics/logs?" in line and "&duration=86400&" not in line:
                yield f"## {heading}", "ask the Controller's log for a time, here and in all others &duration=86400&"


def _scripts(runbook: Runbook) -> Iterator[Problem]:
    for heading, text in runbook.sections.items():
        for script in SCRIPT.findall(f"{text}\n"):
            yield from ((f"## {heading}", message) for message in _script(script))


def _script(script: str) -> Iterator[str]:
    try:
        shlex.split(script, comments=True)
    except ValueError as error:
        yield f"the shell can't read the commands: {str(error).lower()}"
    if "eicar.org" in script or "eicar.com.zip" in script:
        yield "nobody has to fetch the EICAR test file: the shell makes it, as in eicar-not-detected"
    for line in script.splitlines():
        if line.startswith("eicar()") and line != _MAKER:
            yield "eicar() differs from the one in eicar-not-detected"
        elif line.startswith("jq ") and (wrong := _against_filter(line)):
            yield f"jq can't read the filter: {wrong}"
        elif _SAMPLE.match(line) and not line.startswith(_READING) and _WRITTEN.search(line):
            yield f"the EICAR test file is written to a file: {line[:60]}"


def _against_filter(command: str) -> str:
    """What jq says against a command's filter; "" if nothing, or if jq is not installed."""
    jq = shutil.which("jq")
    try:
        words = [word for word in shlex.split(command)[1:] if not word.startswith("-")]
    except ValueError:
        return "it goes on in the next line"
    if jq is None or not words:
        return ""
    done = subprocess.run(  # noqa: S603 - the filter is only compiled, as there is nothing to read
        [jq, words[0]], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False
    )
    return done.stderr.partition("\n")[0]


_RULES: tuple[Callable[[Runbook], Iterator[Problem]], ...] = (_front, _codes, _words, _steps, _lines, _scripts)
