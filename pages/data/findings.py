"""What must be queried, and is it getting better?"""

import polars as pl
import streamlit as st

from data_validation.received import as_received, relation_of
from display.downloads import table_download
from display.exhibit import MOST_ROWS, show
from display.page import header
from display.tables import listed
from display.text import plain
from exhibits.parts.words import counted

RECORD = {
    "field": "Field", "received": "As received", "here": "Finding", "description": "What it is"
}  # fmt: skip
GROUPS = {
    "Check": "findings_by_check",
    "Site": "findings_by_site",
    "Dataset": "findings_by_domain",
    "Participant": "findings_by_participant",
}

board = header("Findings", "What must be queried, and is it getting better?")
show("findings_overview")
group = st.segmented_control("Count by", list(GROUPS), default="Check", required=True)
left, right = st.columns(2)
with left:
    show(GROUPS[str(group)])
with right:
    show("findings_against_before")

st.subheader("Every finding", anchor=False)
choices = board.ask("findings/choices")
FILTERS = {
    "severities": ("Severity", 150),
    "statuses": ("Status", 150),
    "domains": ("Dataset", 140),
    "sites": ("Site", 140),
    "checks": ("Check", 190),
}
chosen: dict[str, list[str] | str] = {}
with st.container(horizontal=True):
    for name, (label, width) in FILTERS.items():
        offered = choices.filter(pl.col("name") == name)["value"].drop_nulls().to_list()
        chosen[name] = st.multiselect(label, offered, width=width)
    chosen["participant"] = st.text_input("Participant", width=150)

rows = board.ask("findings/listing", **chosen, most=MOST_ROWS)
matching = 0 if rows.is_empty() else int(rows.item(0, "matching"))
more = (
    f"; the table shows the first {rows.height:,}, the most severe first. Filter to see others; "
    "the query list below holds all that stand and concern a participant."
)
st.caption(plain(counted(matching, "finding") + more * (matching > rows.height)))
hidden = ["finding", "query", "matching"]
selected = listed(
    rows.drop(hidden if board.has_sealed_records else [*hidden, "sealed", "file", "row"]),
    {
        "domain": "Dataset",
        "value": "As received",
        "message": "Finding",
        "record_key": "Record",
    },
    "Findings that the filters leave",
    widths={"message": "large"},
    on_select="rerun",
    selection_mode="single-row",
    key="finding-listing",
)
if selected.selection.rows and selected.selection.rows[0] < rows.height:
    one = rows.row(selected.selection.rows[0], named=True)
    with st.container(border=True, key="selected-finding"):
        st.markdown(f"**{plain(one['check'])}** – {plain(one['message'])}")
        st.markdown(f"To the site: {plain(one['query'])}")
        relation = relation_of(one["domain"])
        record = board.record(relation, one["record_key"]) if relation else None
        if record is not None:
            received = as_received(one["domain"], record).with_columns(
                pl.when(pl.col("field") == one["field"]).then(pl.lit("◀")).alias("here")
            )
            st.caption(plain(f"The record as received, {one['record_key']}"))
            listed(
                received.select("field", "received", "here", "description"),
                RECORD,
                "The record that the finding is about",
                widths={"received": "medium", "here": "small", "description": "large"},
                height="content",
            )
elif rows.height:
    st.caption("Select a row to see the record as received and the text for the site.")


def queries() -> dict[str, pl.DataFrame]:
    """What stands and concerns a participant, by site."""
    every = board.ask("findings/listing", **chosen, most=None)
    asked = every.filter(pl.col("status") != "resolved", pl.col("subject").is_not_null()).select(
        "site", "subject", "check", "severity", "status", "domain", "field", "value", "query"
    )
    sites = asked.group_by("site", maintain_order=True)
    return {str(site or "no site"): part for (site,), part in sites} or {"queries": asked}


if matching:
    sealed = "-with-sealed" if board.has_sealed_records else ""
    table_download(
        "Query list", queries, file_name=f"queries-{board.snapshot.id}{sealed}", key="query-list"
    )
