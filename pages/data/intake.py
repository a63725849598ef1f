"""What was loaded?"""

import polars as pl
import streamlit as st

from exhibits.on_page import header, plain
from exhibits.words import counted
from queries import differences, history, last_refusal

board = header("Intake", "What was loaded?")
refused = last_refusal(board)
if refused is not None:
    st.error(
        plain(
            f"The last load was refused on {refused.at} (UTC): "
            f"{counted(refused.findings.get('critical', 0), 'open critical finding')}. "
            "The snapshot shown is the one before. Mend the extract and load it again."
        ),
        icon=":material/block:",
    )
    if refused.critical:
        st.dataframe(
            pl.DataFrame(refused.critical, infer_schema_length=None),
            hide_index=True,
            placeholder="",
            alt="Critical findings of the load that was refused",
            column_config={
                "check": "Check",
                "subject": "Participant",
                "field": "Field",
                "message": st.column_config.TextColumn("Finding", width="large"),
            },
        )

st.subheader("Snapshots", anchor=False)
snapshots = history(board)
st.dataframe(
    snapshots,
    hide_index=True,
    alt="Every snapshot of this trial, the latest first",
    column_config={
        "snapshot": "Snapshot",
        "data_cutoff": st.column_config.DateColumn("Data cut-off", format="YYYY-MM-DD"),
        "loaded_at": st.column_config.DatetimeColumn("Loaded (UTC)", format="YYYY-MM-DD HH:mm"),
        "open_rows": st.column_config.NumberColumn("Open rows", format="localized"),
        **{
            severity: st.column_config.NumberColumn(severity.capitalize(), format="localized")
            for severity in ("critical", "major", "minor", "note")
        },
        "digest": st.column_config.TextColumn(
            "Digest", help="First digits of the canonical digest of the open store"
        ),
        "current": "Current",
    },
)

earlier = snapshots.filter(pl.col("snapshot") != str(board.snapshot.id))["snapshot"].to_list()
if earlier:
    st.subheader("What changed", anchor=False)
    # The one before it in the list was loaded before it; from the first one, look forward.
    place = snapshots["snapshot"].index_of(str(board.snapshot.id)) or 0
    before = st.selectbox(
        "Against snapshot", earlier, index=min(place, len(earlier) - 1), width=240
    )
    changed = differences(board, before)
    st.caption(
        plain(
            f"{counted(len(changed), 'kind')} of open records differ. A record is changed where a "
            "value differs; what became of findings is on their own page."
            if changed
            else "The open records of the two are the same."
        )
    )
    if changed:
        st.dataframe(
            pl.DataFrame(
                {
                    "relation": [item.table.replace("_", " ") for item in changed],
                    "before": [item.rows_before for item in changed],
                    "after": [item.rows_after for item in changed],
                    "added": [item.rows.added for item in changed],
                    "removed": [item.rows.removed for item in changed],
                    "changed": [item.rows.changed for item in changed],
                    "values": [
                        ", ".join(
                            f"{name.replace('_', ' ')} ({count:,})"
                            for name, count in item.rows.cells.items()
                            # A typed value's text changes with it.
                            if name.removesuffix("_text") not in item.rows.cells.keys() - {name}
                        )
                        for item in changed
                    ],
                }
            ),
            hide_index=True,
            height="content",
            placeholder="",
            alt="How the open records of the two snapshots differ",
            column_config={
                "relation": "Records",
                "before": st.column_config.NumberColumn("Before", format="localized"),
                "after": st.column_config.NumberColumn("After", format="localized"),
                "added": st.column_config.NumberColumn("Added", format="localized"),
                "removed": st.column_config.NumberColumn("Removed", format="localized"),
                "changed": st.column_config.NumberColumn("Changed", format="localized"),
                "values": st.column_config.TextColumn("Changed values", width="large"),
            },
        )

st.subheader(f"Control totals of {board.snapshot.id}", anchor=False)
st.caption(
    "Rows of the open part, counted when read and again in the stored file; a load in which the "
    "two differ fails. The totals of sealed rows lie in the sealed file."
)
datasets = {row["relation"]: row for row in board.ask("views/datasets").iter_rows(named=True)}
totals = pl.DataFrame(
    [
        {
            "relation": total.relation.replace("_", " "),
            # What no dataset is called after is made of laboratory results.
            "dataset": datasets[total.relation]["dataset"]
            if total.relation in datasets
            else "from LB",
            "rows": total.rows,
            "in_extract": "yes"
            if datasets.get(total.relation, datasets["laboratory"])["present"]
            else "not in the extract",
        }
        for total in board.snapshot.manifest.control_totals
    ]
)
st.dataframe(
    totals,
    hide_index=True,
    height="content",
    alt="Control totals of this snapshot",
    column_config={
        "relation": "Records",
        "dataset": "Dataset",
        "rows": st.column_config.NumberColumn("Open rows, read and stored", format="localized"),
        "in_extract": "In the extract",
    },
)
if board.has_sealed_records:
    st.subheader("Sealed part", anchor=False)
    for question, said, nothing, labels in (
        (
            "intake/control_totals",
            "Rows of every file, read and stored; a load in which the two differ fails.",
            "No file was read.",
            {
                "dataset": "Dataset",
                "file": "File",
                "rows_read": "Rows read",
                "rows_open": "Open",
                "rows_sealed": "Sealed",
            },
        ),
        (
            "intake/sealed_unexpectedly",
            "Sealed because no fact names it: a field or dataset that the trial should know of?",
            "Nothing was sealed unexpectedly.",
            {"dataset": "Dataset", "field": "Field"},
        ),
        (
            "intake/reading_remarks",
            "How files were read, and what was left aside.",
            "Every file was read as it is.",
            {"remark": "Remark"},
        ),
    ):
        rows = board.ask(question)
        st.caption(plain(said if rows.height else nothing))
        if rows.height:
            st.dataframe(
                rows,
                hide_index=True,
                height="content" if rows.height <= 20 else 420,
                placeholder="",
                alt=said,
                column_config={
                    name: st.column_config.NumberColumn(label, format="localized")
                    if rows.schema[name].is_integer()
                    else label
                    for name, label in labels.items()
                },
            )
with st.expander("Versions"):
    manifest = board.snapshot.manifest
    st.caption(plain(", ".join(f"{name} {number}" for name, number in manifest.versions.items())))
    st.caption(plain(f"Canonical digest of the open store: {manifest.digest}"))
