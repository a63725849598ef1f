"""Is it run as planned, and is the data complete and in time?"""

from exhibits.conduct import completeness, deviations, disposition, follow_up, treatment

__all__ = ["completeness", "deviations", "disposition", "follow_up", "treatment"]
