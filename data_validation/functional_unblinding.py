"""The functional-unblinding check: does what is open tell the arm by its structure?

The one place where open relations are held against the allocation. What it says is sealed, and it
can refuse nothing: neither an open finding nor the outcome of a load may depend on the allocation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from data_validation.facts import Severity, folded, folded_terms
from data_validation.rules import Rule, RuleKind, Stated
from data_validation.separation import (
    Counts,
    Family,
    Question,
    Tested,
    examine,
    levels_of,
    smallest_detectable,
)
from data_validation.structures import PARTICIPATION, Structure, participation, structures_of
from trials import Trial

FAMILY_WISE_ERROR = 0.05
# With fewer participants in an arm the check is said to have no power.
ENOUGH_IN_AN_ARM = 10

SEPARATES = Rule(
    id="OPEN-101",
    domain="OPEN",
    field="",
    severity=Severity.MAJOR,
    sentence="A structure of the open store separates the arms.",
    why="Blinding: what is left open must not tell the arm. Structures are numbers of records, "
    "visits, tests, codes and filled cells; outcomes are left out. Rank-sum test among those who "
    "took part for as long, exact up to 100 participants, family-wise error 5 % by Holm.",
    query="None for the site. Seal it in the trial definition or the field facts, unless it comes "
    "of an effect on how long participants live, stay in hospital or take part.",
    sealed=True,
    kind=RuleKind.BLINDING,
)
NAMES = Rule(
    id="OPEN-102",
    domain="OPEN",
    field="",
    severity=Severity.MAJOR,
    sentence="An open value names an administration or an arm.",
    why="Blinding: only somebody to whom something was given has a reaction to its giving; one "
    "such record is enough.",
    query="None for the site. Seal it in the trial definition, unless both arms can have it.",
    sealed=True,
    kind=RuleKind.BLINDING,
)
EXTENT = Rule(
    id="OPEN-103",
    domain="OPEN",
    field="",
    severity=Severity.NOTE,
    sentence="How far the search for structural give-aways reached.",
    why="A clean result is no assurance, so what could have been found is always said.",
    query="None for the site.",
    sealed=True,
    kind=RuleKind.BLINDING,
)
RULES = (SEPARATES, NAMES, EXTENT)

# Words of an administration, as terms, visits or codes have them.
_GIVEN = (
    r"\b(infus|instil|inject|administ|application site|cell therap|graft v|(pre|post) ?dos|dosing)"
)
# A MedDRA system organ class has administration in its name, and everybody can have its events.
_NAMES_NOTHING = ("record_key", "subject", "body_system")
_SHOWN_NAMES = 4


def unblinding_findings(
    relations: Mapping[str, pl.DataFrame], allocation: pl.DataFrame, trial: Trial
) -> list[Stated]:
    """What the open relations tell of the arm; sealed, every word of it.

    Args:
        relations: the open relations, as they would be published.
        allocation: `subject` and `planned` of everybody randomized; without an arm they are left
            out.
    """
    allocated = (
        allocation.drop_nulls(["subject", "planned"])
        .unique("subject", keep="first", maintain_order=True)
        .sort("subject")
    )
    people = allocated["subject"]
    codes = [code for code in trial.arm_codes if code in set(allocated["planned"])]
    places = {code: place for place, code in enumerate(codes)}
    arms = np.array([places[code] for code in allocated["planned"]], dtype=np.int64)
    groups = _Groups(tuple(codes), arms)
    significant: list[Stated] = []
    extent = _nothing_to_compare()
    if len(codes) > 1:
        reached = participation(relations, people)
        # How far somebody took part is one question of its own, and what the others are asked by.
        structures = [
            Structure((PARTICIPATION,), reached, levels_of(reached)),
            *structures_of(relations, people),
        ]
        questions = [
            Question(item.levels, reached if place else np.zeros_like(reached))
            for place, item in enumerate(structures)
        ]
        family = examine(questions, arms, FAMILY_WISE_ERROR)
        significant = _separating(structures, family, groups)
        extent = _extent(family, len(structures), reached, groups)
    return [*significant, *_naming(relations, trial), Stated(EXTENT, "", "", extent)]


@dataclass(frozen=True)
class _Groups:
    """The codes of the arms that somebody is in, and the position of each participant's arm."""

    codes: tuple[str, ...]
    arms: Counts

    @property
    def sizes(self) -> Counts:
        return np.bincount(self.arms, minlength=len(self.codes)).astype(np.int64)

    def by_arm(self, counts: Counts) -> Iterator[tuple[str, Counts]]:
        """The counts of each arm's participants."""
        for arm, code in enumerate(self.codes):
            yield code, counts[self.arms == arm]

    def __str__(self) -> str:
        pairs = zip(self.codes, self.sizes, strict=True)
        return ", ".join(f"{size} in {code}" for code, size in pairs)


def _separating(structures: list[Structure], family: Family, groups: _Groups) -> list[Stated]:
    """One finding a structure: of its tests, one an arm, the surest."""
    surest: dict[int, Tested] = {}
    for item in family.significant:
        surest.setdefault(item.question, item)
    significant = []
    for place, item in surest.items():
        structure = structures[place]
        is_participation = structure.names[0] == PARTICIPATION
        described = "; ".join(
            f"{code}: the {counts.mean() + 1:.1f}th on average"
            if is_participation
            else f"{code}: {np.count_nonzero(counts)} of {len(counts)} have any, "
            f"{counts.mean():.2f} on average"
            for code, counts in groups.by_arm(structure.counts)
        )
        others = structure.names[1:_SHOWN_NAMES]
        more = len(structure.names) - 1 - len(others)
        remark = ""
        if is_participation:
            remark = " An effect on survival or stay does that, and so does a visit of one arm."
        elif others:
            and_more = f", and {more} more" if more > 0 else ""
            remark = f" The same for everybody: {', '.join(others)}{and_more}."
        significant.append(
            Stated(
                SEPARATES,
                structure.names[0],
                described,
                f"“{structure.names[0]}” separates {groups.codes[item.arm]} from the rest. "
                f"{described} (p {item.p:.2g}, {item.adjusted:.2g} after Holm over {family.size} "
                f"tests).{remark}",
            )
        )
    return significant


def _naming(relations: Mapping[str, pl.DataFrame], trial: Trial) -> list[Stated]:
    """One finding for each open value that by its words comes of an administration.

    So does what contains the name of a treated arm, or of what one arm only has by the definition.
    """
    padded = pl.concat_str(pl.lit(" "), "said", pl.lit(" "))
    given = pl.col("said").str.contains(_GIVEN)
    for name in folded_terms(
        (
            *(arm.name for arm in trial.arms.list if not arm.control),
            *trial.sealed.visits,
            *trial.sealed.procedures,
        )
    ):
        given |= padded.str.contains(f" {name} ", literal=True)
    words = pl.concat([_open_words(name, frame) for name, frame in relations.items()]).with_columns(
        folded("value").alias("said")
    )
    return [
        Stated(
            NAMES,
            f"{relation}: {column} {value}",
            value,
            f"“{value}” in {relation}, {column}, names an administration or an arm, and is open.",
        )
        for relation, column, value in words.filter(given).drop("said").rows()
    ]


def _open_words(relation: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Each different text of each column of words: `relation`, `column`, `value`."""
    columns = [
        name
        for name, kind in frame.schema.items()
        if kind == pl.String
        and name not in _NAMES_NOTHING
        and not (name.endswith("_text") and name[:-5] in frame.columns)
    ]
    if "subject" not in frame.columns or frame.is_empty():
        columns = []
    values = frame.select(pl.col(name).drop_nulls().unique().sort().implode() for name in columns)
    return (
        pl.DataFrame(
            {"column": columns, "value": [values[name][0] for name in columns]},
            schema={"column": pl.String, "value": pl.List(pl.String)},
        )
        .explode("value")
        .drop_nulls("value")
        .select(pl.lit(relation).alias("relation"), "column", "value")
    )


_NO_ASSURANCE = (
    "A clean result is no assurance: smaller differences, several structures together, and what is "
    "not counted here may still tell the arm."
)


def _nothing_to_compare() -> str:
    return (
        "No two arms have participants, so nothing could be held against the arm and the check has "
        f"no power. {_NO_ASSURANCE}"
    )


def _extent(family: Family, structures: int, reached: Counts, groups: _Groups) -> str:
    """What was looked for, among whom, what could have been found, and what that is worth."""
    fewest = int(groups.sizes.argmin())
    least = smallest_detectable(groups.arms == fewest, reached, family.size, FAMILY_WISE_ERROR)
    of = f"{groups.sizes[fewest]} participants of {groups.codes[fewest]}"
    reach = (
        "Not even what everybody in one arm has and nobody else would be found for sure."
        if least is None
        else f"The smallest difference that is found for sure: what {least} of the {of} have, "
        "however long they took part, and nobody else."
    )
    power = (
        f"Below {ENOUGH_IN_AN_ARM} participants in an arm the check has no power. "
        if groups.sizes.min() < ENOUGH_IN_AN_ARM
        else ""
    )
    return (
        f"{structures} structures of the open store were held against the arm of "
        f"{len(groups.arms)} participants ({groups}), among those who took part for as long, in "
        f"{family.size} tests: family-wise error 5 %, Holm; tests that could not come out are left "
        f"out. {power}{reach} Outcomes are left out: {_OUTCOMES}. {_NO_ASSURANCE}"
    )


_OUTCOMES = (
    "results of measurements, death, adverse events but for how they are written down, "
    "respiratory support, ends of participation"
)
