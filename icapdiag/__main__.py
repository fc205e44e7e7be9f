"""Entry point of ``icapdiag`` and of ``python -m icapdiag``."""

from __future__ import annotations

import gc
import sys

# The same numbers as in icapdiag.report.status, which is not imported for them.
INCOMPLETE = 3
INTERRUPTED = 130  # 128 + SIGINT
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
        if sys.argv[1:2] == ["explain"]:
            from icapdiag.cli.explaining import explain_plainly  # noqa: PLC0415

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
    finally:
        gc.freeze()  # spares the interpreter the last look, over everything that was ever imported
    return 0


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
