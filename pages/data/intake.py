"""What was loaded?"""

import polars as pl
import streamlit as st

from exhibits.on_page import header, plain
from exhibits.words import counted
from queries import history, last_refusal

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
with st.expander("Versions"):
    manifest = board.snapshot.manifest
    st.caption(plain(", ".join(f"{name} {number}" for name, number in manifest.versions.items())))
    st.caption(plain(f"Canonical digest of the open store: {manifest.digest}"))
