"""What an extract says of oxygenation, looked up row by row without code of ours."""

from datetime import date, timedelta

import polars as pl

from exhibits import Exhibit
from tests.conftest import LoadedTrial

DAYS = {
    "BASELINE": 1,
    **{f"DAY {day}": day for day in (2, 3, 4, 5, 6, 7, 10, 14, 21, 28)},
}
RANKS = {
    "NASAL CANNULA": 1,
    "OXYGEN MASK": 1,
    "FACE MASK": 1,
    "HIGH FLOW NASAL CANNULA": 2,
    "HIGH FLOW OXYGEN": 2,
    "NON-INVASIVE VENTILATION": 2,
    "CONTINUOUS POSITIVE AIRWAY PRESSURE": 2,
    "INVASIVE MECHANICAL VENTILATION": 3,
    "MECHANICAL VENTILATION": 3,
    "EXTRACORPOREAL MEMBRANE OXYGENATION": 4,
}
OF_RANK = {
    0: "No support recorded",
    1: "Nasal cannula or oxygen mask",
    2: "High flow or non-invasive ventilation",
    3: "Invasive ventilation",
    4: "ECMO",
}


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


def gases_of_days(lb: pl.DataFrame, days: dict[str, int]) -> dict[tuple[str, int], float]:
    """PaO2/FiO2 by participant and planned day, the first date of a visit that has one.

    Both are of one minute; those that have none of it belong together where a date has one of
    each. Of several of a date the first from 06:00 to 10:00 counts, else the first.
    """
    found: dict[tuple[str, int], dict[str, list[tuple[str, str, float]]]] = {}
    for row in lb.filter(pl.col("LBTESTCD").is_in(["PO2", "FIO2"])).iter_rows(named=True):
        if row["VISIT"] in days and row["LBORRES"] and row["LBDTC"]:
            on, minute = row["LBDTC"][:10], row["LBDTC"][11:16]
            of_date = found.setdefault((row["USUBJID"], days[row["VISIT"]]), {}).setdefault(on, [])
            of_date.append((minute, row["LBTESTCD"], float(row["LBORRES"])))
    counted: dict[tuple[str, int], float] = {}
    for key, dates in found.items():
        for on in sorted(dates, reverse=True):
            if (value := _gas_of_date(dates[on])) is not None:
                counted[key] = value
    return counted


def _gas_of_date(rows: list[tuple[str, str, float]]) -> float | None:
    """PaO2/FiO2 of a date from its `rows` of time of day, test and value."""
    samples: list[tuple[str, float]] = []
    for minute in {minute for minute, *_ in rows if minute}:
        taken = [(code, value) for at, code, value in rows if at == minute]
        if sorted(code for code, _ in taken) == ["FIO2", "PO2"]:
            samples.append((minute, 100 * dict(taken)["PO2"] / dict(taken)["FIO2"]))
    if not samples and sorted(code for _, code, _ in rows) == ["FIO2", "PO2"]:
        values = {code: value for _, code, value in rows}
        minute = next((at for at, code, _ in rows if code == "PO2" and at), "")
        samples.append((minute, 100 * values["PO2"] / values["FIO2"]))
    possible = sorted((at, value) for at, value in samples if 20 <= value <= 700)
    early = [(at, value) for at, value in possible if "06:00" <= at <= "10:00"]
    return next((value for _, value in early or possible), None)


def day_of(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text and len(text) >= 10 else None


class Extract:
    """What an extract says of each participant, looked up row by row."""

    def __init__(self, loaded: LoadedTrial) -> None:
        self.loaded = loaded
        self.cutoff = loaded.snapshot.manifest.cutoff
        allocated = loaded.dataset("randomization").select("USUBJID", "RANDDTC", "ARM").rows()
        self.day_one = {who: date.fromisoformat(day) for who, day, _ in allocated}
        self.arm = {who: arm for who, _, arm in allocated}
        died = loaded.dataset("dm").select("USUBJID", "DTHDTC").rows()
        self.died = {who: day_of(day) for who, day in died}
        left = loaded.dataset("ds").filter(
            pl.col("DSDECOD").is_in(["LOST TO FOLLOW-UP", "WITHDRAWAL BY SUBJECT"])
        )
        self.left = {who: day_of(day) for who, day in left.select("USUBJID", "DSSTDTC").rows()}
        self.stays: dict[str, list[tuple[str, str | None]]] = {}
        stays = loaded.dataset("ho").filter(pl.col("HODECOD") == "HOSPITAL")
        for who, start, end in stays.select("USUBJID", "HOSTDTC", "HOENDTC").rows():
            self.stays.setdefault(who, []).append((start, end))
        procedures = loaded.dataset("pr")
        self.procedures = dict(procedures.rows_by_key("USUBJID", named=True))
        self._ratios: dict[tuple[str, ...], dict[tuple[str, int], float]] = {}

    def values(
        self, dataset: str, code: str, factor: float = 1.0, days: dict[str, int] = DAYS
    ) -> dict[tuple[str, int], float]:
        """The values of a test by participant and planned day, the first where a date has one."""
        prefix = dataset.upper()
        found: dict[tuple[str, int], dict[str, list[float]]] = {}
        rows = self.loaded.dataset(dataset).filter(pl.col(f"{prefix}TESTCD") == code)
        for row in rows.iter_rows(named=True):
            if row["VISIT"] in days and row["USUBJID"] in self.day_one and row[f"{prefix}ORRES"]:
                key = (row["USUBJID"], days[row["VISIT"]])
                of_date = found.setdefault(key, {}).setdefault(row[f"{prefix}DTC"][:10], [])
                of_date.append(float(row[f"{prefix}ORRES"]) * factor)
        # Of two values of one date it is not known which counts.
        single = {
            key: {when: values[0] for when, values in dates.items() if len(values) == 1}
            for key, dates in found.items()
        }
        return {key: dates[min(dates)] for key, dates in single.items() if dates}

    def ratios(self, days: dict[str, int] = DAYS) -> dict[tuple[str, int], float]:
        if (visits := tuple(days)) not in self._ratios:
            self._ratios[visits] = self._count_ratios(days)
        return self._ratios[visits]

    def _count_ratios(self, days: dict[str, int]) -> dict[tuple[str, int], float]:
        gases = gases_of_days(self.loaded.dataset("lb"), days)
        return {
            (who, day): value
            for (who, day), value in gases.items()
            if who in self.day_one and self.fate(who, day) != "Died"
        }

    def date_of(self, who: str, day: int) -> date:
        return self.day_one[who] + timedelta(days=day - 1)

    def fate(self, who: str, day: int) -> str:
        on = self.date_of(who, day)
        if on > self.cutoff:
            return "Day not reached"
        if (died := self.died[who]) is not None and died <= on:
            return "Died"
        if (left := self.left.get(who)) is not None and left <= on:
            return "Left the study"
        began = [
            day_of(end)
            for start, end in self.stays.get(who, [])
            if date.fromisoformat(start[:10]) <= on
        ]
        if any(end is None or end > on for end in began):
            return "in hospital"
        return "Discharged" if began else "not known"

    def support(self, who: str, day: int) -> int | None:
        on = self.date_of(who, day)
        ranks = [
            RANKS[row["PRDECOD"]]
            for row in self.procedures.get(who, [])
            if row["PRDECOD"] in RANKS
            and (start := day_of(row["PRSTDTC"])) is not None
            and start <= on
            and ((end := day_of(row["PRENDTC"])) is None or end >= on)
        ]
        return max(ranks, default=None)
