"""A PostgreSQL server of the tests' own, and a new database for whoever asks.

It listens on a Unix socket only, in a folder that nobody else may enter. PostgreSQL refuses to run
as root, so there it runs as the user `postgres` that Debian's package makes.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

PATIENCE_SECONDS = 60
OWNER = "dsmb"
INSTALLED = Path("/usr/lib/postgresql")  # where Debian has each version

# A process that changes its user itself: to start one as another, all of the memory that this one
# has reserved would be reserved once more, which a machine can refuse.
AS_POSTGRES = """
import os, pwd, sys
user = pwd.getpwnam("postgres")
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
os.execv(sys.argv[1], sys.argv[1:])
"""

_numbers = count(1)


class Server:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str) -> str:
        """The address of a database as DSMB_RECORDS_URL has it."""
        return f"postgresql://{OWNER}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """A connection past the product, where every statement is at once in force."""
        return psycopg.connect(dbname=database, user=OWNER, host=str(self.folder), autocommit=True)

    @contextmanager
    def new_database(self, more: str = "") -> Iterator[str]:
        """The name of an empty database, which is gone afterwards."""
        name = f"records_{next(_numbers)}"
        create = sql.SQL("create database {} template template0 {}")
        drop = sql.SQL("drop database {} with (force)")
        with self.connect() as connection:
            connection.execute(create.format(sql.Identifier(name), sql.SQL(more)))
        yield name
        with self.connect() as connection:
            connection.execute(drop.format(sql.Identifier(name)))


def program(name: str) -> str:
    """One of the server's programs, of the latest version there is."""
    installed = sorted(
        INSTALLED.glob(f"*/bin/{name}"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdecimal() else 0,
    )
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        pytest.fail(
            f"There is no {name} here, and the records are tested against a real PostgreSQL. "
            "Install the `postgresql` package.",
            pytrace=False,
        )
    return found


def ensure() -> None:
    """Install the server's programs where they are missing and this user may: Debian, as root."""
    missing = not any(INSTALLED.glob("*/bin/initdb")) and shutil.which("initdb") is None
    if missing and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
            subprocess.run(["apt-get", *command], env=environment, check=False)


@contextmanager
def running_server() -> Iterator[Server]:
    """A server from here to the end of the block."""
    initdb, postgres = program("initdb"), program("postgres")
    # Not pytest's folder: only its owner may enter that, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="dsmb-pg-", dir="/tmp"))
    as_user: list[str] = []
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = [sys.executable, "-c", AS_POSTGRES]
    try:
        start = [*as_user, initdb, "-D", f"{folder}/data", "-U", OWNER, "-A", "trust", "-E", "UTF8"]
        subprocess.run(
            [*start, "--locale", "C", "--no-sync"],
            check=True, cwd=folder, capture_output=True,
        )  # fmt: skip
        # What is tested is what the program does, not the server's disk.
        options = [f"--{name}" for name in ("listen_addresses=", "fsync=off", "max_connections=60")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*as_user, postgres, "-D", folder / "data", "-k", folder, *options],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            server = Server(folder)
            _wait_until_it_answers(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nobody needs the data any more
            process.wait(PATIENCE_SECONDS)
    finally:
        shutil.rmtree(folder)


def _wait_until_it_answers(server: Server, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError((server.folder / "log").read_text("utf-8")) from None
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    ensure()
    program("initdb")
