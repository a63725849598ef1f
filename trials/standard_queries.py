"""Standardized MedDRA queries from a file that the user has a license for; none is shipped.

The file is a CSV in UTF-8 with the columns smq, term, category and scope: a row a preferred term of
a query, its category A, B, C or D (empty where the query has no algorithm), and its scope.
"""

import csv
from functools import lru_cache
from pathlib import Path
from typing import get_args

from trials.models.special_interest import Category, Scope, SpecialInterest, StandardTerm
from trials.models.trial import Trial
from trials.reading import TrialDefinitionError

COLUMNS = ("smq", "term", "category", "scope")
CATEGORIES: tuple[str, ...] = get_args(Category)
SCOPES: tuple[str, ...] = get_args(Scope)


class StandardQueriesError(TrialDefinitionError):
    """A file of standardized queries that cannot be used; the text has one line per problem."""


def read_standard_queries(path: Path) -> dict[str, tuple[StandardTerm, ...]]:
    """The terms of each query in a file, by the query's name without regard to case.

    Raises:
        StandardQueriesError: the file is not there, or rows of it cannot be used.
    """
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise StandardQueriesError(
            f"The file of standardized queries {path} cannot be read: {error.strerror}. Set "
            "DSMB_SMQ_FILE to a file that is there, or leave it out."
        ) from None


def with_standard_queries(trial: Trial, path: Path | None) -> Trial:
    """The trial whose groups that name a query have its terms; without a file it is as it was.

    Raises:
        StandardQueriesError: the file cannot be used, or has not a query that a group names.
    """
    named = {group.smq for group in trial.special_interest if group.smq is not None}
    if path is None or not named:
        return trial
    queries = read_standard_queries(path)
    missing = sorted(name for name in named if plain(name) not in queries)
    if missing:
        raise StandardQueriesError(
            f"{path.name} has no query {', '.join(map(repr, missing))}, which groups of special "
            f"interest of trial {trial.id} name. Name them as the file does, or leave smq out."
        )
    groups = tuple(
        group if group.smq is None else _with_terms(group, queries[plain(group.smq)])
        for group in trial.special_interest
    )
    empty = [group.name for group in groups if not group.counted_terms]
    if empty:
        raise StandardQueriesError(
            f"Of the queries in {path.name} no term is left for {', '.join(map(repr, empty))}: "
            'scope = "broad" would take those of broad scope.'
        )
    return trial.model_copy(update={"special_interest": groups})


def plain(name: str) -> str:
    """The name of a query as it is compared: without case, and without (SMQ) behind it."""
    return " ".join(name.casefold().split()).removesuffix("(smq)").strip()


def _with_terms(group: SpecialInterest, terms: tuple[StandardTerm, ...]) -> SpecialInterest:
    return group.model_copy(update={"standard_terms": terms})


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int) -> dict[str, tuple[StandardTerm, ...]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = [name.strip().casefold() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            if missing := [name for name in COLUMNS if name not in header]:
                raise StandardQueriesError(
                    f"{path.name}, line 1: the columns {', '.join(COLUMNS)} are expected, and "
                    f"{', '.join(missing)} is not there."
                )
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise StandardQueriesError(f"{path.name} is not a CSV in UTF-8: {error}.") from None
    problems: list[str] = []
    queries: dict[str, list[StandardTerm]] = {}
    for line, row in rows:
        # A row that is too short has None, one that is too long a list under None.
        cells = {name: str(row[name] or "").strip() for name in COLUMNS}
        category, scope = cells["category"].upper(), cells["scope"].casefold()
        wrong = [f"{name} is empty" for name in ("smq", "term") if not cells[name]]
        if category and category not in CATEGORIES:
            wrong.append(f"category is {cells['category']!r}, and not A, B, C, D or empty")
        if scope not in SCOPES:
            wrong.append(f"scope is {cells['scope']!r}, and not narrow or broad")
        if wrong:
            problems.append(f"{path.name}, line {line}: {'; '.join(wrong)}.")
            continue
        term = StandardTerm.model_validate(
            {"term": cells["term"], "category": category or None, "scope": scope}
        )
        queries.setdefault(plain(cells["smq"]), []).append(term)
    if not rows:
        problems.append(f"{path.name} has no row below its header.")
    if problems:
        raise StandardQueriesError("\n".join(problems))
    return {name: tuple(terms) for name, terms in queries.items()}
