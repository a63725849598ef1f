"""Has a rule that was agreed on beforehand been met?"""

from exhibits.monitoring import characteristics, rules, sequential, stopping

__all__ = ["characteristics", "rules", "sequential", "stopping"]
