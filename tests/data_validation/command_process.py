"""What other processes do in the tests of the command line; they import this and little else."""

import os
import resource
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

import data_validation.__main__ as command
import data_validation.load
from snapshots import Store, load_lock
from trials import load_trial


def run(
    folder: Path,
    environment: Mapping[str, str],
    arguments: Sequence[str],
    file_size_limit: int | None,
    told: Connection,
) -> None:
    """A command in a folder and an environment; perhaps on a disk that is full."""
    _go(folder, environment)
    if file_size_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, file_size_limit))
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = command.main(list(arguments))
    told.send((code, out.getvalue(), err.getvalue()))


def die_in_the_load(folder: Path, environment: Mapping[str, str], arguments: Sequence[str]) -> None:
    """The command, ended where the load begins as if the power had failed."""
    _go(folder, environment)

    def die(*_args: object, **_named: object) -> None:
        os._exit(9)

    data_validation.load.load = die  # type: ignore[assignment]
    command.main(list(arguments))


def _go(folder: Path, environment: Mapping[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)


def hold(folder: Path, trial: str, held: Event, release: Event) -> None:
    """Hold the lock of a trial's store until it is to be released."""
    with load_lock(Store(folder).trial(trial)):
        held.set()
        release.wait()


def die_while_building(extract: Path, store: Path, public_key: Path) -> None:
    """Load, and die when both databases are written and all that is missing is the manifest."""

    def die(*_args: object, **_named: object) -> None:
        os._exit(9)

    data_validation.load._check_control_totals = die
    data_validation.load.load(extract, load_trial("nct05689008"), Store(store), public_key)
