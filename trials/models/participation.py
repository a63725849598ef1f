"""Who takes part until when: what the definition says where an extract can be read in two ways."""

from typing import Literal

from pydantic import Field

from trials.models.base import Model, Name


class Participation(Model):
    """Which dispositions end participation.

    Attributes:
        subcategories: DSSCAT of dispositions about taking part in the study; a disposition without
            DSSCAT is one. One about the treatment ends no participation, and one that is neither
            is a finding.
    """

    subcategories: tuple[Name, ...] = (
        "PARTICIPATION",
        "STUDY",
        "STUDY COMPLETION",
        "STUDY COMPLETION/EARLY DISCONTINUATION",
        "STUDY CONCLUSION",
        "STUDY DISPOSITION",
        "STUDY PARTICIPATION",
        "END OF STUDY",
        "FOLLOW-UP",
        "TRIAL",
        "TRIAL PARTICIPATION",
    )


class FollowUp(Model):
    """Until when participants are observed.

    Attributes:
        end: the date of demographics that says until when a participant was followed; it opens,
            where at least 95 % of those whose planned follow-up is over have it. Without one, who
            has no recorded end is observed up to the cut-off while no planned visit is overdue,
            else up to the last contact.
    """

    end: Literal["DM.RFPENDTC", "DM.RFENDTC"] | None = None


class ScreeningReason(Model):
    """Wordings of one reason for not being randomized."""

    name: Name
    terms: tuple[Name, ...] = Field(min_length=1)


class Screening(Model):
    """What became of those who were screened and not randomized.

    Attributes:
        days: so long after the last contact somebody without an outcome is still in screening.
        reasons: what DSTERM and ARMNRS call one reason; any other is listed as it is written.
    """

    days: int = Field(default=60, ge=1)
    reasons: tuple[ScreeningReason, ...] = ()
