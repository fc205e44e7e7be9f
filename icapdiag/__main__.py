"""Entry point of ``icapdiag`` and of ``python -m icapdiag``."""

from __future__ import annotations

import gc
import signal
import sys

from icapdiag.cli.signals import INTERRUPTED, end_at_once, handle_all

# The same numbers as in icapdiag.vocabulary, which is not imported for them.
INCOMPLETE = 3
BROKEN_PIPE = 141  # 128 + SIGPIPE


def main() -> int:
    """Run the command line and return the exit status."""
    handle_all(end_at_once)
    # Start-up makes tens of thousands of objects that stay: looking at them again and again is an eighth of its time.
    gc.set_threshold(10_000)
    status = _run()
    if any("nagios" in arg for arg in sys.argv):
        from icapdiag.cli.output import as_plugin  # noqa: PLC0415 - what it stands on is not for --help

        status = as_plugin(sys.argv[1:], status)
    handle_all(signal.SIG_IGN)  # they come too late, and the interpreter at its end would change the status
    gc.freeze()  # nor does it look at what the process takes with it anyway
    return status


def _run() -> int:
    try:
        from icapdiag.cli.app import run  # noqa: PLC0415 - Ctrl-C and a broken installation may hit it

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        # typer turns a broken pipe (of --help, say) into 1, which would mean "findings".
        if isinstance(end.__context__, BrokenPipeError):
            return BROKEN_PIPE
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001 - shown whole; Python's own status for it, 1, would mean "findings"
        sys.__excepthook__(type(error), error, error.__traceback__)
        if sys.stderr is not None:
            sys.stderr.write("icapdiag: this is a mistake in icapdiag, not in what it looked at. Please report it.\n")
        return INCOMPLETE


if __name__ == "__main__":
    sys.exit(main())
