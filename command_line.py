"""What every command shares: its exit codes, how it reads flags, and how it ends."""

import argparse
import atexit
import os
import signal
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from traceback import extract_tb
from typing import Any, NoReturn


class Exit(IntEnum):
    """How a command ended, for scripts; the one table of all commands."""

    meaning: str

    DONE = 0, "done"
    USAGE = 1, "unusable arguments or trial definition; nothing changed"
    REFUSED = 2, "the extract was refused: unreadable, or with critical findings; nothing changed"
    UNDER_WAY = 3, "another load is under way; it says whose; nothing changed"
    IN_THE_WAY = (
        4,
        "a key, a setting, a file, the store, the audit trail or the program is in the way; a load "
        "has changed nothing",
    )
    BROKEN = 5, "the audit trail or a snapshot is broken: cut off, rewritten, changed or damaged"
    UNREPORTED = 6, "the extract is loaded, but its report or its outcome could not be written"
    STOPPED = 130, "stopped from the keyboard; `snapshots` tells what is current"
    NO_READER = 141, "whoever read the output has gone (a closed pipe); what was done stays"

    def __new__(cls, code: int, meaning: str) -> "Exit":
        """A code with what it means."""
        member = int.__new__(cls, code)
        member._value_, member.meaning = code, meaning
        return member


class CommandLine(argparse.ArgumentParser):
    """What every command reads its flags with; its help ends with the exit codes."""

    def __init__(self, **options: Any) -> None:
        """A parser with these options of `argparse.ArgumentParser`."""
        codes = "\n".join(f"  {code:3}  {code.meaning}" for code in Exit)
        super().__init__(
            epilog=f"exit codes:\n{codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        """Unusable arguments are exit 1: 2 says that an extract was refused."""
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"{self.prog}: {message}\n")


def fault(error: Exception) -> str:
    """A fault of ours, without its message and traceback: both may carry sealed values."""
    place = extract_tb(error.__traceback__)[-1]
    return (
        f"This is a fault of the program ({type(error).__name__} in {Path(place.filename).name}, "
        f"line {place.lineno}). Please report it."
    )


def _without_reader(*_signal: object) -> NoReturn:
    """End as the system ends a process whose output nobody reads, having tidied up."""
    atexit._run_exitfuncs()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    raise SystemExit(Exit.NO_READER)


def without_pandas() -> None:
    """Keep pandas out of this process, which spares a command a second and 45 MB.

    DuckDB imports it as soon as a value is bound, to see whether the value is one of pandas', and
    does as well without. A command calls this where it starts as a process; the server never does,
    since Streamlit needs pandas.
    """
    sys.modules["pandas"] = None  # type: ignore[assignment]


def run_command(main: Callable[[], int]) -> NoReturn:
    """Run a command as this process, and end with its exit code.

    Where nobody reads its output any more it ends without a word: no state is lost, as every act is
    recorded and published before it is told.
    """
    signal.signal(signal.SIGPIPE, _without_reader)
    try:
        code = main()
        sys.stdout.flush()
        sys.exit(code)
    except OSError as error:
        # Nothing more can be written there, at the end of the process neither.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        sys.stderr.write(f"A file, or the output, cannot be used: {error.strerror or error}.\n")
        sys.exit(Exit.IN_THE_WAY)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(Exit.STOPPED)
