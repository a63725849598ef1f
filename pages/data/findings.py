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

AUDIENCES = {
    "Questions to sites": ("site", "To the site", "queries"),
    "Notes on the export": ("export", "To whoever programs the export", "notes"),
}
st.subheader("Every finding", anchor=False)
kind = str(
    st.segmented_control("For", list(AUDIENCES), default="Questions to sites", required=True)
)
audience, whom, file = AUDIENCES[kind]
choices = board.ask("findings/choices", audience=audience)
FILTERS = {
    "severities": ("Severity", 150),
    "statuses": ("Status", 150),
    "domains": ("Dataset", 140),
    "sites": ("Site", 140),
    "checks": ("Check", 190),
}
chosen: dict[str, list[str] | str] = {"audience": audience}
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
        st.markdown(f"{plain(whom)}: {plain(one['query'])}")
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
    st.caption("Select a row to see the record as received and what to ask.")


def queries() -> dict[str, pl.DataFrame]:
    """What stands: questions about a participant by site, or notes on the export."""
    every = board.ask("findings/listing", **chosen, most=None).select(
        *("site", "subject", "check", "severity", "status", "domain", "field", "value", "records"),
        "query",
    )
    standing = every.filter(pl.col("status") != "resolved")
    if audience == "export":
        return {file: standing.drop("site", "subject")}
    asked = standing.filter(pl.col("subject").is_not_null()).drop("records")
    sites = asked.group_by("site", maintain_order=True)
    return {str(site or "no site"): part for (site,), part in sites} or {file: asked}


if matching:
    name = f"{file}-{board.snapshot.id}{'-with-sealed' if board.has_sealed_records else ''}"
    label = "Query list" if audience == "site" else kind
    table_download(label, queries, file_name=name, key="query-list")
