"""The Chromium of the browser tests: the machine's own, else one that is installed here.

`python -m tests.browser.chromium` finds or installs it; exit 1 and a sentence if that cannot be.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

# The one without windows first: it is the same browser, and takes half the time of the other.
SYSTEM_BROWSERS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
# No sandbox: it cannot be had in most containers. No name but this machine's is found, whatever a
# page asks for, and the browser asks for nothing of its own. Pictures are made without a GPU, which
# would only be pretended.
ARGUMENTS = (
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-gpu",
    "--disable-gpu-compositing",
    "--disable-gpu-rasterization",
    "--disable-lcd-text",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-sync",
)
# What Playwright installs lies beside the Python packages, so a home that is read-only will do.
os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(Path(sys.prefix) / "browsers"))


class NoBrowserError(Exception):
    """There is no Chromium; the text says what to install."""


def find() -> Path:
    """A Chromium that starts.

    Raises:
        NoBrowserError: there is none.
    """
    with sync_playwright() as playwright:
        of_playwright = Path(playwright.chromium.executable_path)
    for candidate in (*SYSTEM_BROWSERS, of_playwright):
        if candidate.is_file() and _run(str(candidate), "--version"):
            return candidate
    raise NoBrowserError(
        f"No Chromium: neither {SYSTEM_BROWSERS[-1]} nor Playwright's own starts. Install the "
        "package chromium, or run: .venv/bin/playwright install --with-deps chromium"
    )


def ensure() -> Path:
    """A Chromium that starts, installed if there is none: by apt-get where root, else Playwright.

    Raises:
        NoBrowserError: there is none, and none can be installed.
    """
    root = os.geteuid() == 0 and shutil.which("apt-get") is not None
    playwright = (sys.executable, "-m", "playwright", "install")
    install = ("apt-get", "install", "--yes")
    ways: list[list[tuple[str, ...]]] = [
        [("apt-get", "update"), (*install, "chromium-headless-shell")] if root else [],
        [(*install, "chromium")] if root else [],
        [(*playwright, "--with-deps", "chromium") if root else (*playwright, "chromium")],
    ]
    for way in ways:
        try:
            return find()
        except NoBrowserError:
            all(_run(*command, quiet=False) for command in way)
    return find()


def _run(*command: str, quiet: bool = True) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # What an installation says goes to stderr: stdout names the browser.
    output = subprocess.DEVNULL if quiet else sys.stderr
    try:
        done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    except OSError:
        return False
    return done.returncode == 0


@contextmanager
def launched() -> Iterator[Browser]:
    """A running Chromium without a window."""
    executable = find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


def main() -> int:
    """Say which Chromium the tests will use; returns the exit code."""
    try:
        print(f"Browser: {ensure()}")
    except NoBrowserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
