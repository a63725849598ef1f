"""Who is in the trial, and are the arms alike? One code path for one arm to four."""

from exhibits.arm_balance import baseline, differences, eligibility, places, running

__all__ = ["baseline", "differences", "eligibility", "places", "running"]
