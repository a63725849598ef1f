"""Who saw what, when, why?"""

from collections.abc import Sequence

import streamlit as st

from access.entries import Actor, Entry
from access.trail import Filter
from access.trail_table import trail_json, trail_table
from display.page import prepare_page
from display.session import readable, session_trail
from display.state import AUDIT_PAGE_KEY, control, set_control
from display.text import plain
from display.trail import moment, show_entries
from exhibits.export import table_as_csv
from exhibits.parts.words import counted

ROWS_ON_A_PAGE = 200

session, trail = session_trail()
prepare_page()
st.title("Audit trail", anchor=False)
st.markdown(f"**{plain('Who saw what, when, why?')}**")
rows, since = trail.extent()
if since is None:
    st.info(
        "Nothing has been recorded yet. Sign-ins, views by arm, downloads and loads will be here."
    )
else:
    st.markdown(plain(f"{counted(rows, 'row')} since {moment(since)} (UTC)."))

with st.expander("Hold it against a checkpoint that was kept elsewhere"):
    st.caption(
        "A checkpoint also finds rows that were cut off at the end, and a trail that somebody with "
        "the audit key wrote anew."
    )
    pasted = st.text_area("Checkpoint", key="audit-checkpoint", placeholder="the line as it was")
    uploaded = st.file_uploader("or its file", key="audit-checkpoint-file")
    st.download_button(
        "Make a checkpoint now", data=lambda: readable(trail, session).checkpoint().encode(),
        file_name="audit-checkpoint.json", mime="application/json", icon=":material/flag:",
        on_click="ignore", key="audit-make-checkpoint",
    )  # fmt: skip
kept = uploaded.getvalue().decode("utf-8", "replace") if uploaded else pasted.strip() or None
if st.button("Verify the whole trail", icon=":material/verified:", key="audit-verify"):
    verdict = trail.verify(kept)
    if verdict.problem is not None:
        st.error(plain(f"The audit trail is broken. {verdict.problem}"), icon=":material/error:")
    else:
        against = ", and agrees with the checkpoint" if kept else ""
        st.success(
            plain(f"The audit trail is whole: {counted(verdict.rows, 'row')} verified{against}."),
            icon=":material/verified:",
        )

if unfinished := trail.outstanding():
    st.warning(
        plain(
            f"{counted(len(unfinished), 'act')} without an outcome: still under way, or cut short. "
            "Ask whoever did it what came of it."
        ),
        icon=":material/pending:",
    )
    show_entries(unfinished, "Acts without an outcome")

if not rows:
    st.stop()
st.subheader("Rows", anchor=False)
people = trail.people()
with st.container(horizontal=True):
    days = st.date_input("Period (UTC)", value=[], key="audit-days", width=240)
    acts = st.multiselect("Act", trail.values("act"), key="audit-act", width=240)
    persons = st.multiselect(
        "Person", list(people), format_func=lambda one: f"{people[one]} ({one})",
        key="audit-person", width=320,
    )  # fmt: skip
    roles = st.multiselect("Role", trail.values("role"), key="audit-role", width=200)
    trials = st.multiselect("Trial", trail.values("trial"), key="audit-trial", width=200)
    outcomes = st.multiselect("Outcome", trail.values("outcome"), key="audit-outcome", width=200)
    words = st.text_input("Text in the reason", key="audit-reason", width=240)
where = Filter(
    acts=tuple(acts), people=tuple(persons), roles=tuple(roles), trials=tuple(trials),
    outcomes=tuple(outcomes), reason=words,
).on_days(days)  # fmt: skip
left = trail.count(where)
pages = max(1, -(-left // ROWS_ON_A_PAGE))
# Filters can leave fewer pages than the one that was looked at.
set_control(AUDIT_PAGE_KEY, min(control(AUDIT_PAGE_KEY, 1), pages))
page = 1
if pages > 1:
    page = st.number_input(f"Page (of {pages:,})", 1, pages, key=AUDIT_PAGE_KEY, width=160)
st.caption(plain(f"{counted(left, 'row')} of {rows:,}, the newest first."))
if left:
    entries = trail.select(where, limit=ROWS_ON_A_PAGE, offset=ROWS_ON_A_PAGE * (page - 1))
    show_entries(entries, "Rows that the filters leave")
else:
    st.info("No row is left by these filters.")


def exported() -> Sequence[Entry]:
    """What the filters leave; given out when that is recorded."""
    entries = readable(trail, session).select(where)
    reader = Actor.of(session.identity)
    trail.write("download", reader, resource="audit trail", reason=where.in_words())
    return entries


MADE = {
    "CSV": ("text/csv", lambda: table_as_csv(trail_table(exported())).encode("utf-8-sig")),
    "JSON": ("application/json", lambda: trail_json(exported()).encode()),
}
with st.container(horizontal=True):
    for kind, (mime, content) in MADE.items():
        st.download_button(
            f"Download {kind}", data=content, file_name=f"audit-trail.{kind.lower()}", mime=mime,
            icon=":material/download:", on_click="ignore", key=f"audit-{kind.lower()}",
            disabled=not left,
        )  # fmt: skip
