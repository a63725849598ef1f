"""The version of the software as `pyproject.toml` states it; nothing needs to be installed."""

import tomllib
from pathlib import Path

_PROJECT = Path(__file__).with_name("pyproject.toml")
VERSION: str = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["version"]
