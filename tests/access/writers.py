"""What other processes do in the tests of the audit trail; they import this and little else."""

import os
import resource
from multiprocessing.synchronize import Barrier
from pathlib import Path

from access.entries import Actor
from access.errors import RecordsError
from access.trail import open_trail

WRITER = Actor("provider", "4711", "Ada", "board")


def append_many(url: str, key_file: Path, number: int, events: int, together: Barrier) -> None:
    """Open the records when all are ready, and write events that say whose they are."""
    together.wait(120)
    trail = open_trail(url, key_file, new=True)
    for event in range(events):
        trail.write("looked", WRITER, resource=f"{number}/{event}")


def die_in_the_middle(url: str, key_file: Path) -> None:
    """Begin an act, and end as if the power had failed."""
    with open_trail(url, key_file, new=True).recorded("load", WRITER, trial="t"):
        os._exit(9)


def write_on_a_full_disk(url: str, key_file: Path, room: int) -> None:
    """Write until no file may grow any more; exit 7 if that is told as a sentence."""
    trail = open_trail(url, key_file, new=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        for _ in range(1000):
            trail.write("looked", WRITER, reason="x" * 1000)
    except RecordsError as error:
        raise SystemExit(7 if "so this is not done" in str(error) else 8) from None


def write_without_the_right(url: str, key_file: Path) -> None:
    """Write as somebody who may read the folder only; exit 7 if that is told as a sentence."""
    trail = open_trail(url, key_file, new=True)
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        trail.write("looked", WRITER)
    except RecordsError as error:
        raise SystemExit(7 if "so this is not done" in str(error) else 8) from None
