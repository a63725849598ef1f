"""A real server in a process of its own, on a free loopback port."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

CHECKOUT = Path(__file__).parents[2]
# What a server says on stderr when nothing is wrong.
EXPECTED = (
    # What was typed into a dialog comes after the click that closed it.
    "it might have been removed during a preceding full-app rerun",
    # A fragment asked for itself as its page was left.
    "Couldn't find fragment with id",
)


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    url: str
    process_id: int
    log: Path

    def get_ready(self) -> None:
        """Ask whether the server is ready, as `make run` and a deployment do before anybody comes.

        The entry script is run for it once. Before that, Streamlit takes the folder `pages/` for
        its own and tells the first visitor with a link that there is no such page.
        """
        with urlopen(f"{self.url}/_stcore/script-health-check") as answer:
            assert answer.status == 200

    def handshake(self) -> dict[str, str]:
        """The headers with which a browser that has opened the page asks for its socket."""
        with urlopen(self.url) as answer:
            cookies = [whole.partition(";")[0] for whole in answer.headers.get_all("set-cookie")]
        return {"Origin": self.url, "Cookie": "; ".join(cookies)}

    def complaints(self) -> list[str]:
        """What the server has written to stderr, but for what it says when nothing is wrong."""
        lines = self.log.read_text("utf-8").splitlines()
        return [line for line in lines if line and not any(word in line for word in EXPECTED)]


@contextmanager
def running(
    settings: Mapping[str, str],
    log: Path,
    script: Path = CHECKOUT / "server.py",
    port: int = 0,
) -> Iterator[Server]:
    """Start `streamlit run` on a script, wait until it answers, and stop it afterwards.

    Args:
        settings: the `DSMB_*` settings of the server; none of the caller's reach it.
        log: the file that takes the server's stderr.
        script: the script to run.
        port: 0 is one that nobody has.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DSMB_", "STREAMLIT_", "PYTEST_", "PYTHONDONTWRITEBYTECODE"))
    }
    # The server prints which port it has.
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=inherited | dict(settings),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            url = next((line.split()[-1] for line in process.stdout if "URL:" in line), None)
            assert url is not None, f"The server did not start: {log.read_text()}"
            with urlopen(f"{url}/_stcore/health") as answer:
                assert answer.status == 200
            yield Server(url, process.pid, log)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
