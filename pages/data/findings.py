"""What must be queried, and is it getting better?"""

import polars as pl
import streamlit as st

from exhibits.on_page import header, plain, show, table_download
from exhibits.words import counted

NO_SITE = "(no site)"  # as the question names findings whose participant or site is missing
# A browser stays quick with so many rows; more are looked through by filters or in the query list.
MOST_ROWS = 1_000

board = header("Findings", "What must be queried, and is it getting better?")
show("findings_overview")
left, right = st.columns(2)
with left:
    show("findings_by_check")
with right:
    show("findings_by_site")

st.subheader("Every finding", anchor=False)
everything = board.ask(
    "findings/listing", severities=[], statuses=[], domains=[], sites=[], checks=[]
)


def values(column: str) -> list[str]:
    """What there is to filter by, in the listing's order."""
    return [str(value) for value in everything[column].unique(maintain_order=True) if value]


every_site = [*sorted(values("site")), *([NO_SITE] if everything["site"].null_count() else [])]
with st.container(horizontal=True):
    severities = st.multiselect("Severity", values("severity"), width=155)
    statuses = st.multiselect("Against the snapshot before", values("status"), width=215)
    domains = st.multiselect("Domain", values("domain"), width=155)
    sites = st.multiselect("Site", every_site, width=155)
    checks = st.multiselect("Check", values("check"), width=240)
chosen = {
    "severities": severities,
    "statuses": statuses,
    "domains": domains,
    "sites": sites,
    "checks": checks,
}
listing = board.ask("findings/listing", **chosen) if any(chosen.values()) else everything
rows = listing.head(MOST_ROWS)
st.caption(
    plain(
        f"{counted(listing.height, 'finding')} of {everything.height:,}"
        + (
            f"; the table shows the first {rows.height:,}, the most severe first. Filter to see "
            "others; the query list below holds all that stand and concern a participant."
            if listing.height > rows.height
            else ""
        )
    )
)
selected = st.dataframe(
    rows.drop("finding", "query"),
    hide_index=True,
    height="content" if rows.height <= 10 else 420,
    placeholder="",
    on_select="rerun",
    selection_mode="single-row",
    key="finding-listing",
    alt="Findings that the filters leave",
    column_config={
        "check": "Check",
        "severity": "Severity",
        "status": "Status",
        "domain": "Domain",
        "site": "Site",
        "subject": "Participant",
        "field": "Field",
        "value": "As received",
        "message": st.column_config.TextColumn("Finding", width="large"),
        "record_key": "Record",
    },
)
if selected.selection.rows and selected.selection.rows[0] < rows.height:
    one = rows.row(selected.selection.rows[0], named=True)
    with st.container(border=True):
        st.markdown(f"**{plain(one['check'])}** – {plain(one['message'])}")
        st.markdown(f"To the site: {plain(one['query'])}")
elif rows.height:
    st.caption("Select a row to see the text for the site.")

queries = listing.filter(pl.col("status") != "resolved", pl.col("subject").is_not_null()).select(
    "site", "subject", "check", "severity", "status", "domain", "field", "value", "query"
)
if queries.height:
    by_site = {
        str(site or "no site"): part
        for (site,), part in queries.group_by("site", maintain_order=True)
    }
    table_download(
        "Query list", by_site, file_name=f"queries-{board.snapshot.id}", key="query-list"
    )
