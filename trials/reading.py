"""From TOML to a trial: read one definition file, and name each mistake with its line.

A definition is one TOML file. Reading it either gives a frozen, consistent `Trial`, or raises
`TrialDefinitionError` with one sentence per problem, each naming the line to look at.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trials.consistency import ContradictionError, Key
from trials.models.trial import Trial

TRIALS_FOLDER = Path(__file__).parent


class TrialDefinitionError(Exception):
    """A trial definition that cannot be used; the text has one line per problem."""


def told_apart(trials: Iterable[Trial]) -> dict[str, str]:
    """What definitions are called in a list, by id.

    That is the STUDYID, and the id beside it where two share the STUDYID or the short title.
    """
    every = list(trials)
    studies = Counter(item.study for item in every)
    titles = Counter(item.short_title for item in every)
    return {
        item.id: item.study
        if studies[item.study] == titles[item.short_title] == 1
        else f"{item.study} ({item.id})"
        for item in every
    }


def available_trials(folder: Path = TRIALS_FOLDER) -> list[str]:
    """The trials that have a definition, in alphabetical order."""
    return sorted(path.parent.name for path in folder.glob("*/trial.toml"))


@cache
def load_trial(name: str, folder: Path = TRIALS_FOLDER) -> Trial:
    """The definition of trial `name`.

    Raises:
        TrialDefinitionError: the trial has no definition, or the definition has problems.
    """
    available = available_trials(folder)
    if name not in available:
        raise TrialDefinitionError(
            f"There is no definition of trial {name!r}; there are: {', '.join(available)}."
        )
    return read_definition(folder / name / "trial.toml")


def read_definition(path: Path) -> Trial:
    """Read and check one definition file.

    Raises:
        TrialDefinitionError: one line per problem, each with the line of the file.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
        values = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrialDefinitionError(f"{path.name}: not valid TOML: {error}") from None
    try:
        trial = Trial.model_validate(values)
    except ValidationError as error:
        lines = _Lines(text)
        raise TrialDefinitionError(
            "\n".join(
                sentence
                for problem in error.errors(include_url=False)
                for sentence in _sentences(path.name, lines, problem)
            )
        ) from None
    if trial.id != path.parent.name:
        raise TrialDefinitionError(
            f"{path.name}, line {_Lines(text).of(('id',))}: id is {trial.id!r}, "
            f"but the folder is {path.parent.name!r}"
        )
    trial._definition = content
    return trial


def _sentences(file: str, lines: "_Lines", problem: ErrorDetails) -> list[str]:
    """The sentences about one problem: file, line, key, and what is wrong with it."""
    contradiction = problem.get("ctx", {}).get("error")
    if isinstance(contradiction, ContradictionError):
        return [f"{file}, line {lines.of(key)}: {text}" for key, text in contradiction.problems]
    match problem["type"]:
        case "extra_forbidden":
            message = " is not a key of a trial definition"
        case "missing":
            message = " is missing"
        case "value_error":
            message = " " + problem["msg"].removeprefix("Value error, ")
        case _:
            message = f": {problem['msg']}, found {problem['input']!r}"
    key = ".".join(str(part) for part in problem["loc"])
    return [f"{file}, line {lines.of(problem['loc'])}: {key}{message}"]


class _Lines:
    """The line of each key in a TOML text: tomllib reports no positions."""

    _table = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\"]+)\s*\]\]?")
    _key = re.compile(r"^\s*([A-Za-z0-9_\-]+|\"[^\"]+\")\s*=")

    def __init__(self, text: str) -> None:
        self.positions: dict[Key, int] = {}
        counts: Counter[tuple[str, ...]] = Counter()
        here: Key = ()
        for number, line in enumerate(text.split("\n"), start=1):
            if table := self._table.match(line):
                path = tuple(table[2].replace('"', "").split("."))
                here = (*path, counts[path]) if table[1] == "[[" else path
                counts[path] += table[1] == "[["
                self.positions.setdefault(path, number)
                self.positions[here] = number
            elif key := self._key.match(line):
                self.positions.setdefault((*here, key[1].strip('"')), number)

    def of(self, key: Key) -> int:
        """The line of `key`, or of the nearest thing around it."""
        while key and key not in self.positions:
            key = key[:-1]
        return self.positions.get(key, 1)
