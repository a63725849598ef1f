"""A real OpenID Connect provider in a process of its own, and a dashboard that signs in by it."""

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from urllib.error import URLError
from urllib.request import urlopen

CLIENT = "dashboard"
# Groups of the people whom the provider knows.
PEOPLE = {
    "ada": ["dsmb-members"],
    "sam": ["sponsor-team"],
    "eve": ["some-other-group"],
    "two": ["dsmb-members", "sponsor-team"],
}
ROLE_FILE = """
claim = "groups"

[[role]]
group = "dsmb-members"
role = "board"

[[role]]
group = "sponsor-team"
role = "sponsor"
"""


@dataclass(frozen=True)
class Provider:
    """A provider that answers."""

    url: str

    def secrets_for(self, dashboard_port: int, folder: Path) -> Path:
        """The file by which a dashboard on that port knows this provider."""
        path = folder / "secrets.toml"
        path.write_text(
            "[auth]\n"
            f'redirect_uri = "http://127.0.0.1:{dashboard_port}/oauth2callback"\n'
            f'cookie_secret = "{secrets.token_hex(32)}"\n'
            f'client_id = "{CLIENT}"\n'
            f'client_secret = "{secrets.token_hex(8)}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n',
            "utf-8",
        )
        path.chmod(0o600)
        return path


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running_provider(log: Path, token_seconds: int = 3600) -> Iterator[Provider]:
    """Start a provider, wait until it answers, and stop it afterwards.

    Args:
        log: the file that takes what it writes.
        token_seconds: for how long it vouches for whoever signs in.
    """
    port = free_port()
    people = [
        json.dumps({"sub": subject, "name": subject.capitalize(), "groups": groups})
        for subject, groups in PEOPLE.items()
    ]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    command += ["--token-max-age", str(token_seconds)]
    command += [part for person in people for part in ("--user-claims", person)]
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/.well-known/openid-configuration", process, log)
            yield Provider(url)
        finally:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = monotonic() + 60
    while True:
        try:
            with urlopen(url):
                return
        except URLError:
            assert process.poll() is None, log.read_text()
            assert monotonic() < until, log.read_text()
