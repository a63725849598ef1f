"""The files of an extract, in a folder or in a zip, each with a way to read it into memory.

An extract comes from outside and holds unblinded data. So nothing of a zip is unpacked to disk, no
name may lead out of the extract, and what is read is counted as it is read, because the sizes that
a zip states may be wrong on purpose.
"""

import io
import stat
import zipfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from data_validation.readers.problems import Problem, Refusal

_CHUNK = 1024**2
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Ignored:
    """A file or folder of the extract that is not read, and why."""

    file: str
    reason: str


@dataclass(frozen=True, eq=False)
class Member:
    """One file of the extract: its name, the size it states, and how to open it."""

    name: str
    stated_bytes: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, eq=False)
class Members:
    """What lies in an extract, by name, before it is asked what is a dataset."""

    files: tuple[Member, ...]
    ignored: tuple[Ignored, ...]
    problems: tuple[Problem, ...]


class Budget:
    """The bytes that may still be read from an extract."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.remaining = total_bytes

    def read(self, member: Member) -> bytes:
        """Return the content of ``member``; raises Refusal once the extract is too large."""
        content = io.BytesIO()
        with member.open() as source:
            while piece := source.read(min(_CHUNK, self.remaining + 1)):
                self.remaining -= len(piece)
                if self.remaining < 0:
                    # Nothing is left for the files after it either.
                    self.remaining = 0
                    raise Refusal(
                        f"brings the extract over the limit of {self.total_bytes} bytes, "
                        "uncompressed; check that it is what it should be."
                    )
                content.write(piece)
        return content.getvalue()


def shown(name: str) -> str:
    """Return a file name that can be printed and stored: valid Unicode, no control characters."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _order(name: str) -> tuple[str, str]:
    return name.upper(), name


def folder_members(folder: Path) -> Members:
    """List the files of a folder. Links are followed as long as they stay within it."""
    root = folder.resolve()
    files: list[Member] = []
    ignored: list[Ignored] = []
    problems: list[Problem] = []
    for path in sorted(root.iterdir(), key=lambda path: _order(path.name)):
        name = shown(path.name)
        target = path.resolve()
        if name.startswith((".", "~$")):
            ignored.append(Ignored(name, "is hidden"))
        elif not target.is_relative_to(root):
            problems.append(
                Refusal("is a link that leaves the folder; put the file itself there.").problem(
                    name
                )
            )
        elif target.is_dir():
            ignored.append(Ignored(name + "/", "is a folder; only files beside it are read"))
        elif not target.is_file():
            problems.append(Refusal("is not a regular file; put a file there.").problem(name))
        else:
            files.append(Member(name, target.stat().st_size, _opener(target)))
    return Members(tuple(files), tuple(ignored), tuple(problems))


def _opener(path: Path) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: path.open("rb")


def zip_members(archive: zipfile.ZipFile) -> Members:
    """List the files of a zip. One folder around all of them is looked through."""
    files: list[Member] = []
    ignored: dict[str, Ignored] = {}
    problems: list[Problem] = []
    infos = [info for info in archive.infolist() if not info.is_dir()]
    root = _common_folder(info.filename for info in infos)
    for info in sorted(infos, key=lambda info: _order(info.filename)):
        whole_name = info.filename.replace("\\", "/")
        name = shown(whole_name.removeprefix(root))
        reason = _hostile(info)
        folder, _, _ = name.partition("/")
        if reason is not None:
            problems.append(Refusal(reason).problem(shown(whole_name)))
        elif folder != name:
            why = (
                "holds what macOS adds to a zip"
                if folder == "__MACOSX"
                else "is a folder; only files beside it are read"
            )
            ignored[folder] = Ignored(folder + "/", why)
        elif name.startswith((".", "~$")):
            ignored[name] = Ignored(name, "is hidden")
        else:
            files.append(Member(name, info.file_size, _zip_opener(archive, info)))
    return Members(tuple(files), tuple(ignored.values()), tuple(problems))


def _zip_opener(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: archive.open(info)


def _common_folder(names: Iterable[str]) -> str:
    """Return "folder/" if all files, beside those of macOS, lie below one folder, else ""."""
    paths = [PurePosixPath(name.replace("\\", "/")) for name in names]
    first = {
        path.parts[0] if len(path.parts) > 1 else ""
        for path in paths
        if path.parts and path.parts[0] != "__MACOSX" and not path.name.startswith(".")
    }
    folder = first.pop() if len(first) == 1 else ""
    return "" if folder in {"", "/", ".."} else folder + "/"


def _hostile(info: zipfile.ZipInfo) -> str | None:
    """Return why a member of a zip is refused by its name or kind, None if it is not."""
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
        return "has a name that leads out of the zip; make the zip again from plain file names."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link; put the file itself into the zip."
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted; send the zip without a password, over a channel that is safe."
    return None
