"""First events and all of them by day: what their questions answer, and what is said of it."""

from exhibits.parts.words import counted

# What came first: the event, or death without it; 0 is the end of observation.
EVENT, DEATH = 1, 2

OBSERVED_TO = (
    "Day 1 is the day of randomization. Completing or leaving the study and the data cut-off end "
    "the observation (censoring); discharge from hospital does not."
)
SAME_DAY = "An event on the day of death counts as the event."


def earliest_note(count: int, what: str = "first event") -> tuple[str, ...]:
    """A footnote about so many events without a day of onset."""
    if not count:
        return ()
    return (f"{counted(count, what)} without a day of onset: on the earliest day possible.",)


def not_followed_note(left_out: int) -> tuple[str, ...]:
    """A footnote about so many participants of whom no curve has anything."""
    if not left_out:
        return ()
    return (
        f"Not in the curves: {counted(left_out, 'participant')} without a date of randomization, "
        "or without any record since.",
    )
