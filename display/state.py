"""What a browser window remembers from run to run."""

BOARD_KEY = "_board"
RECORD_KEY = "_record"  # a function of a text: records that it was downloaded
ADDRESS_KEY = "_address"  # of the page that is shown
# The participants that somebody asked for, from where, and whom of them; until a page is left.
LIST_KEY, ORIGIN_KEY, PERSON_KEY = "_list", "_list_origin", "_person"
GO_KEY, PLACE_KEY, HERE_KEY, FIRST_TAB_KEY = "_go", "_place", "_here", "_first_tab"
SESSION_KEY = "_session"
TRAIL_KEY = "_trail"
DENIED_KEY = "_denied"
BY_CLOCK_KEY = "_by_clock"  # that the next run was asked for by nobody
