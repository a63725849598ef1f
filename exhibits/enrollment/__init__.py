"""Are we on track?"""

from exhibits.enrollment import accrual, screening

__all__ = ["accrual", "screening"]
