"""A process that loads and is made to die, for the tests of publishing.

It reads one command per line and answers each with one line. Every load runs in a fork, so that a
death costs milliseconds; for that it must never open DuckDB itself (threads do not survive a fork),
and builds snapshots by copying files that were made beforehand.

    count ROOT PREPARED            how many steps one load takes
    die ROOT PREPARED N WHEN       load, and die at step N: before it, after it, or half through
    load ROOT PREPARED             load
    repeat ROOT PREPARED           load again and again until killed; answers with the process id
                                   after the first load, and once more when the process has ended
    hold ROOT                      hold the load lock until killed; answers likewise

A step is a call that changes the file system, or makes a change durable, inside ROOT.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from snapshots import Manifest, Store, load_lock, prune, publish, receipt_of, sweep
from snapshots.durable_files import write_new_file

CUTOFF = date(2023, 9, 30)
STEPS = (
    *("open", "write", "fsync", "fchmod", "chmod", "mkdir", "rename", "replace", "unlink"),
    *("rmdir", "link", "symlink", "truncate", "ftruncate"),
)


class Steps:
    """Counts steps, and dies at one of them."""

    def __init__(self, root: Path, at: int = -1, when: str = "") -> None:
        self.root, self.at, self.when = str(root), at, when
        self.count = 0
        self.names: list[str] = []
        self.descriptors: set[int] = set()
        close = os.close

        def closing(descriptor: int) -> None:
            self.descriptors.discard(descriptor)
            close(descriptor)

        setattr(os, "close", closing)  # noqa: B010
        # A process that dies takes nothing back from the system's cache, so the disk need not be
        # waited for; that every descriptor is good is still seen.
        setattr(os, "fsync", lambda descriptor: os.fstat(descriptor) and None)  # noqa: B010
        for name in STEPS:
            setattr(os, name, self.counted(name, getattr(os, name)))

    def counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **named: Any) -> Any:
            if not self.inside(args[0], named):
                return original(*args, **named)
            number = self.count
            self.count += 1
            self.names.append(name)
            if number == self.at and self.when == "before":
                os._exit(9)
            if number == self.at and self.when == "half" and name == "write":
                original(args[0], bytes(args[1])[: len(args[1]) // 2])
                os._exit(9)
            try:
                result = original(*args, **named)
            finally:
                if number == self.at:
                    os._exit(9)
            if name == "open":
                self.descriptors.add(result)
            return result

        return step

    def inside(self, where: int | str | os.PathLike[str], named: dict[str, Any]) -> bool:
        if isinstance(where, int):
            return where in self.descriptors
        if named.get("dir_fd") is not None:
            return named["dir_fd"] in self.descriptors
        return Path(where).absolute().is_relative_to(self.root)


def load(root: Path, prepared: Path) -> None:
    """One load as the pipeline does it, from the folder of prepared files that is next in turn."""
    store = Store(root)
    trial = store.trial("invented")
    with load_lock(trial):
        sweep(trial)
        snapshot_id = trial.next_id(CUTOFF)
        folders = sorted(prepared.iterdir())
        source = folders[snapshot_id.number % len(folders)]

        def build(folder: Path) -> Manifest:
            for name in ("open.duckdb", "sealed.duckdb"):
                write_new_file(folder / name, (source / name).read_bytes(), 0o600)
            plain = json.loads((source / "manifest.json").read_bytes())
            return Manifest.model_validate(plain | {"snapshot": str(snapshot_id)})

        publish(trial, snapshot_id, build, receipt_of(store, [source.name.encode()]))
        prune(trial, 2)


def in_fork(act: Callable[[], None]) -> int:
    """Run ``act`` in a fork and return the process id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    return child


def outcome(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def answer(line: str) -> None:
    print(line, flush=True)


def count(root: Path, prepared: Path) -> None:
    """Count in a copy, so that the store stays as it is."""
    copy = root.with_name(root.name + "-counted")
    shutil.copytree(root, copy)
    reading, writing = os.pipe()

    def act() -> None:
        steps = Steps(copy)
        load(copy, prepared)
        os.write(writing, " ".join(steps.names).encode())

    code = outcome(in_fork(act))
    answer(f"counted {code} {os.read(reading, 65536).decode()}")


def hold(root: Path) -> None:
    parent = os.getppid()
    with load_lock(Store(root).trial("invented")):
        answer(f"held {os.getpid()}")
        while os.getppid() == parent:  # not to outlive a test that failed
            signal.sigtimedwait([], 1)


def repeat(root: Path, prepared: Path) -> None:
    parent = os.getppid()
    load(root, prepared)
    answer(f"repeating {os.getpid()}")
    while os.getppid() == parent:
        load(root, prepared)


def die(root: Path, prepared: Path, at: int, when: str) -> None:
    Steps(root, at, when)
    load(root, prepared)


def main() -> None:
    for line in sys.stdin:
        command, root, *words = line.split()
        if command == "count":
            count(Path(root), Path(words[0]))
        else:
            answer(f"ended {outcome(in_fork(act_of(command, Path(root), words)))}")


def act_of(command: str, root: Path, words: list[str]) -> Callable[[], None]:
    if command == "hold":
        return lambda: hold(root)
    prepared = Path(words[0])
    if command == "repeat":
        return lambda: repeat(root, prepared)
    if command == "die":
        return lambda: die(root, prepared, int(words[1]), words[2])
    return lambda: die(root, prepared, -1, "never")


if __name__ == "__main__":
    main()
