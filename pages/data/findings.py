"""What must be queried, and is it getting better?"""

import polars as pl
import streamlit as st

from exhibits.on_page import header, plain, show, table_download
from exhibits.words import counted

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


with st.container(horizontal=True):
    severities = st.multiselect("Severity", values("severity"), width=220)
    statuses = st.multiselect("Against the last snapshot", values("status"), width=220)
    domains = st.multiselect("Domain", values("domain"), width=180)
    sites = st.multiselect("Site", sorted(values("site")), width=220)
    checks = st.multiselect("Check", values("check"), width=280)
listing = board.ask(
    "findings/listing",
    severities=severities,
    statuses=statuses,
    domains=domains,
    sites=sites,
    checks=checks,
)
st.caption(plain(f"{counted(listing.height, 'finding')} of {everything.height:,}"))
chosen = st.dataframe(
    listing.drop("finding", "query"),
    hide_index=True,
    height=420,
    on_select="rerun",
    selection_mode="single-row",
    key="finding-listing",
    alt="Every finding that the filters leave",
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
if chosen.selection.rows and chosen.selection.rows[0] < listing.height:
    one = listing.row(chosen.selection.rows[0], named=True)
    with st.container(border=True):
        st.markdown(f"**{plain(one['check'])}** – {plain(one['message'])}")
        st.markdown(f"To the site: {plain(one['query'])}")
else:
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
