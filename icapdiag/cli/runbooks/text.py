"""A runbook for reading: Markdown as it is, or drawn for a terminal and paged; and the list of all."""

# ruff: noqa: PLC0415 - rich is slow to import, and most output is no terminal's

from __future__ import annotations

import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from icapdiag.cli.console import stdin_is_terminal, terminal_width, wants_color
from icapdiag.cli.runbooks.programs import programs
from icapdiag.runbook import Library, Runbook
from icapdiag.runbook.causes import PLACES, Step
from icapdiag.runbook.conditions import Selection
from icapdiag.runbook.document import STAGES
from icapdiag.runbook.library import PAGES
from icapdiag.runbook.placeholders import fill, over_tls
from icapdiag.text import visible, visible_lines
from icapdiag.vocabulary import SEVERITY_ORDER

_WIDEST = 110  # columns of prose that can still be read
_ACCESS = "controller-access"  # the page that says how to reach the Controller


def markdown(runbook: Runbook, known: Mapping[str, str], *, tls: bool = False) -> str:
    """Title, sections and references, safe for a terminal, the ``known`` placeholders filled in.

    ``tls``: the member is reached by TLS, so the commands have to speak it.
    """
    head = f"# {visible(runbook.title)}\n\n{runbook.id} | {runbook.severity.value} | {visible(runbook.path)}\n\n"
    references = "".join(f"- {visible(str(reference), None)}\n" for reference in runbook.references)
    tail = f"\nLogging in to the Controller: `icapdiag runbooks show {_ACCESS}`.\n" if _asks_avi(runbook) else ""
    body = runbook.body.replace("## Verify\n", f"{_causes(runbook)}## Verify\n", 1)
    needed = programs(body)
    tail += f"\nPrograms used, with Debian's package where its name differs: {', '.join(needed)}.\n" if needed else ""
    tail += f"\n## References\n\n{references}" if references else ""
    body = over_tls(body) if tls else body
    return head + visible_lines(fill(body.strip().expandtabs(4), known)) + "\n" + tail


def _asks_avi(runbook: Runbook) -> bool:
    return "$AVI_CONTROLLER" in runbook.body


def _causes(runbook: Runbook) -> str:
    """What the front matter says of causes and steps, as sections."""
    text = "".join(f"{number}. {_step(step)}\n" for number, step in enumerate(runbook.now, 1))
    text = f"## Now\n\n{text}\n" if text else ""
    if runbook.causes:
        text += "## Causes\n\n"
    for cause in runbook.causes:
        text += f"### {cause.title}\n\n"
        for word, selections in (
            ("Proven by", cause.proven_by),
            ("Supported by", cause.supported_by),
            ("Ruled out by", cause.ruled_out_by),
        ):
            text += f"{word} {_either(selections)}.\n\n" if selections else ""
        text += "".join(f"- {PLACES[step.place]}: {_step(step)}\n" for step in cause.fix)
        text += "".join(f"- To settle it: {_step(step)}\n" for step in cause.settle) + "\n"
    return text


def _step(step: Step) -> str:
    """The action, and when it is advised."""
    advised = (("if", step.when), ("unless", step.unless))
    conditions = ", ".join(f"{word} {_either(selections)}" for word, selections in advised if selections)
    return f"{step.text} ({conditions})" if conditions else step.text


def _either(selections: Sequence[Selection]) -> str:
    return " or ".join(", ".join(f"`{each.text}`" for each in one.conditions) for one in selections)


def draw(text: str) -> str:
    """The Markdown for this terminal. Commands stay on one line, however long, so that they can be pasted."""
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Markdown
    from rich.text import Text

    class Command(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            code = Text(str(self.text).rstrip(), style="cyan", no_wrap=True, overflow="ignore")
            yield code
            yield Text("")

    class Page(Markdown):
        elements: ClassVar = {**Markdown.elements, "fence": Command, "code_block": Command}

    buffer = io.StringIO()
    console = Console(
        file=buffer, width=min(terminal_width(80), _WIDEST), force_terminal=True, no_color=not wants_color(),
        legacy_windows=False
    )  # fmt: skip
    console.print(Page(text, hyperlinks=False), crop=False, no_wrap=False)
    return buffer.getvalue()


def page(text: str) -> bool:
    """Show the text through $PAGER (else ``less -R``) if it is longer than the screen; False: not shown."""
    command = shlex.split(os.environ.get("PAGER", "")) or ["less", "-R"]
    if (
        text.count("\n") < shutil.get_terminal_size().lines
        or not stdin_is_terminal()
        or shutil.which(command[0]) is None
    ):
        return False
    sys.stdout.flush()
    settings = {**os.environ, "LESS": os.environ.get("LESS", "-R"), "LESSCHARSET": "utf-8"}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pager's while it runs
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=settings) as pager:  # noqa: S603 - the user's own
            pager.communicate(text.encode("utf-8", "backslashreplace"))
    except OSError:
        return False
    finally:
        signal.signal(signal.SIGINT, before)
    return True


def listing(library: Library) -> str:
    """All runbooks by stage, the most severe first."""
    width = max((len(runbook.id) for runbook in library.runbooks), default=0)
    blocks: list[str] = []
    for heading, runbooks in by_stage(library):
        lines = [
            f"  {runbook.id:<{width}}  {runbook.severity.value:<8}  {visible(runbook.title)}"
            f"{'' if runbook.origin == 'built-in' else f'  ({visible(runbook.origin)})'}\n"
            for runbook in runbooks
        ]
        blocks.append(f"{heading}\n" + "".join(lines))
    return "\n".join((*blocks, f"Logging in to the Avi Controller: icapdiag runbooks show {_ACCESS}\n"))


def index(library: Library) -> str:
    """The same as Markdown, with links to the files: for a wiki, say."""
    text = (
        "# Runbooks\n\nOne file for each diagnosis. This index was made by `icapdiag runbooks list -o markdown`.\n\n"
        f"How the commands log in to the Controller: [{_ACCESS}]({PAGES}/{_ACCESS}.md).\n"
    )
    for heading, runbooks in by_stage(library):
        text += f"\n## {heading}\n\n| runbook | severity | what it says |\n| --- | --- | --- |\n"
        text += "".join(
            f"| [{runbook.id}]({runbook.id}.md) | {runbook.severity.value} | {_cell(runbook.title)} |\n"
            for runbook in runbooks
        )
    return text


def by_stage(library: Library) -> Iterator[tuple[str, list[Runbook]]]:
    """Heading and runbooks of each stage that has any, in the order in which a request meets them."""
    for stage, heading in {**STAGES, "": "Others"}.items():
        runbooks = [runbook for runbook in library.runbooks if runbook.stage == stage]
        if runbooks:
            yield heading, sorted(runbooks, key=lambda one: (SEVERITY_ORDER.index(one.severity), one.id))


def _cell(text: str) -> str:
    return visible(text).replace("|", "\\|")
