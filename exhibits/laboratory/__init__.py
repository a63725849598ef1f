"""Do labs or vital signs show organ harm?"""

from exhibits.laboratory import courses, grades, liver

__all__ = ["courses", "grades", "liver"]
