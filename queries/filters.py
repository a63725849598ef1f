"""Filters: which part of the participants a question is asked of, and which days.

Every question that names `$filters` is asked under the filters of its Board; `queries/views/safety`
says what they mean. Without a filter all are there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from trials import Band, Trial


@dataclass(frozen=True)
class Filters:
    """What is chosen; an empty choice stands for all.

    Attributes:
        sites, sexes: as the participant's record has them.
        ages, severities: names of bands of the trial definition.
        first_day, last_day: study days between which an event began or a result was taken.
    """

    sites: tuple[str, ...] = ()
    sexes: tuple[str, ...] = ()
    ages: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    first_day: int | None = None
    last_day: int | None = None

    def __bool__(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()

    @property
    def choose_people(self) -> bool:
        """Whether participants are left out, and not only days."""
        return bool(self.sites or self.sexes or self.ages or self.severities)

    @property
    def of_people(self) -> "Filters":
        """The same without study days: which participants are chosen."""
        return replace(self, first_day=None, last_day=None)

    def in_words(self) -> str:
        """The filters as a reader takes them, `site 01; women; study day 3`; empty if none."""
        words = []
        if self.sites:
            words.append(f"{'site' if len(self.sites) == 1 else 'sites'} {', '.join(self.sites)}")
        if self.sexes:
            words.append(", ".join(_SEXES.get(sex, f"sex {sex}") for sex in self.sexes))
        words += [" or ".join(names) for names in (self.ages, self.severities) if names]
        match (self.first_day, self.last_day):
            case (None, None):
                pass
            case (first, None):
                words.append(f"from study day {first} on")
            case (None, last):
                words.append(f"up to study day {last}")
            case (first, last) if first == last:
                words.append(f"study day {first}")
            case (first, last):
                words.append(f"study days {first} to {last}")
        return "; ".join(words)

    def bound(self, trial: Trial) -> dict[str, Any]:
        """The value of `$filters`; null stands for all."""
        groups = trial.subgroups
        return {
            "sites": list(self.sites) or None,
            "sexes": list(self.sexes) or None,
            "ages": _limits(groups.ages, self.ages),
            "severities": _limits(groups.severity, self.severities),
            "first_day": self.first_day,
            "last_day": self.last_day,
        }


_SEXES = {"F": "women", "M": "men"}


def _limits(bands: Sequence[Band], names: Sequence[str]) -> list[dict[str, float | None]] | None:
    chosen = [band.model_dump(exclude={"name"}) for band in bands if band.name in names]
    # Names of none of the bands leave nobody, not everybody.
    return chosen if names else None
