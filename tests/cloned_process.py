"""Copies of a process that has imported DuckDB and done nothing else: python FILE.

To start Python and import DuckDB takes as long as to write the open file of a small extract. A copy
has held as little as a process that was started for it. Each line that comes is the arguments of
`snapshots.open_file_process`, each that goes its exit code and what it said.
"""

import json
import os
import runpy
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE, Popen

HERE = Path(__file__)
_server: list["Popen[str]"] = []


class Cloned:
    """A copy at work, as `subprocess.Popen` shows a process."""

    def __init__(self, arguments: list[str]) -> None:
        """Begin, by the one process that each worker has."""
        if not _server:
            root = str(HERE.parents[1])
            _server.append(
                Popen([sys.executable, "-I", HERE, root], stdin=PIPE, stdout=PIPE, text=True)
            )
        self._ask, self._answer = _server[0].stdin, _server[0].stdout
        self.returncode: int | None = None
        assert self._ask is not None
        self._ask.write(json.dumps(arguments) + "\n")
        self._ask.flush()

    def communicate(self) -> tuple[str, str]:
        """Wait for its end: nothing, and what it said."""
        if self.returncode is not None:
            return "", ""
        assert self._answer is not None
        self.returncode, said = json.loads(self._answer.readline())
        return "", said

    def poll(self) -> int | None:
        """Whether it has ended, as far as it was waited for."""
        return self.returncode

    def kill(self) -> None:
        """Let it come to its end: it is waited for next."""


def serve(root: str) -> None:
    """One copy after another, until nobody asks any more."""
    written = runpy.run_path(str(Path(root, "snapshots", "open_file_process.py")))["main"]
    for line in sys.stdin:
        given, target = json.loads(line)
        with tempfile.TemporaryFile("w+") as said:
            if not (copy := os.fork()):
                os.dup2(said.fileno(), 2)
                code = 0
                try:
                    written(Path(given), Path(target))
                except Exception as error:
                    code = 1
                    os.write(2, " ".join(str(error).split()).encode())
                os._exit(code)
            status = os.waitpid(copy, 0)[1]
            said.seek(0)
            answer = [os.waitstatus_to_exitcode(status), said.read()]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
