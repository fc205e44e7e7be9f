"""Entry point of ``icapdiag`` and of ``python -m icapdiag``."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress

# The same numbers as in icapdiag.report.status, which is not imported for them.
INCOMPLETE = 3
INTERRUPTED = 130  # 128 + SIGINT
PLUGIN_UNKNOWN = 3  # of icapdiag.report.machine.nagios
BROKEN_PIPE = 141  # 128 + SIGPIPE
_ROUND = 100_000  # new objects between two looks for garbage; at 700, a start spends a tenth of its time looking


def main() -> int:
    """Run the command line and return the exit status; ``--version`` is answered before typer is imported."""
    if sys.argv[1:] == ["--version"]:
        from icapdiag import __version__  # noqa: PLC0415 - nothing is imported that the arguments don't need

        sys.stdout.write(f"icapdiag {__version__}\n")
        return 0
    gc.set_threshold(_ROUND)
    try:
        status = _run()
    finally:
        gc.freeze()  # spares the interpreter the last look, over everything that was ever imported
    return _as_plugin(status) if _is_plugin(sys.argv[1:]) else status


def _run() -> int:
    try:
        if sys.argv[1:2] == ["explain"]:
            from icapdiag.cli.explain.run import explain_plainly  # noqa: PLC0415

            status = explain_plainly(sys.argv[2:])
            if status is not None:
                return status
        from icapdiag.cli.app import build_app  # noqa: PLC0415 - typer takes 50 ms

        build_app(sys.argv[1:])(prog_name="icapdiag")
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        # typer turns a broken pipe (of --help, say) into 1, which would mean "findings".
        return BROKEN_PIPE if isinstance(end.__context__, BrokenPipeError) else _status(end.code)
    except Exception:  # noqa: BLE001 - shown whole; Python's own status for it, 1, would mean "findings"
        _show_bug()
        return INCOMPLETE
    return 0


def _is_plugin(args: list[str]) -> bool:
    """Whether a monitoring system reads stdout: ``-o nagios`` in any of its spellings."""
    spelt = {"-onagios", "-o=nagios", "--output=nagios"}
    return any(
        word in spelt or (word == "nagios" and before in {"-o", "--output"})
        for before, word in zip(["", *args], args, strict=False)
    )


def _as_plugin(status: int) -> int:
    """Our own failures as a plugin says them: 2, wrong usage, would be CRITICAL, and 1 a WARNING."""
    module = sys.modules.get("icapdiag.report.machine.nagios")
    if status in {0, BROKEN_PIPE} or (module is not None and isinstance(status, module.PluginStatus)):
        return status
    with suppress(OSError, ValueError, AttributeError):  # a stdout that is closed, or none at all
        sys.stdout.write("ICAP UNKNOWN - icapdiag could not do its work: its standard error says why\n")
        sys.stdout.flush()
    return PLUGIN_UNKNOWN


def _status(code: object) -> int:
    if code is None:
        return 0
    return code if isinstance(code, int) else 1


def _show_bug() -> None:
    import traceback  # noqa: PLC0415 - for this sad case only

    traceback.print_exc()
    if sys.stderr is not None:
        sys.stderr.write("icapdiag: this is a mistake in icapdiag, not in what it looked at. Please report it.\n")


if __name__ == "__main__":
    sys.exit(main())
