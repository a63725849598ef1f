"""Is anyone being harmed?"""

from exhibits.safety import as_treated, incidence, listings, onset, overview, terms

__all__ = ["as_treated", "incidence", "listings", "onset", "overview", "terms"]
