"""Is it run as planned, and is the data complete and in time?"""

from exhibits.conduct import completeness, disposition, treatment

__all__ = ["completeness", "disposition", "treatment"]
