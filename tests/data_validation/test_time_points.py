"""Time points are an allow-list: records of none, and of those that the definition names.

The attack: those who were treated have more samples, at time points whose words name no dose. If
they opened, their number would tell the arm, whoever reads them.
"""

from functools import cache

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data_validation.assess import Assessment
from data_validation.domains import DOMAINS
from data_validation.time_points import NOT_COMMON
from tests.conftest import PROVE
from tests.data_validation.small_extracts import TRIAL, Row, assess_rows, whole_rows
from trials import TimePoint, Trial, TrialDefinitionError, load_trial, read_definition

MEASURED = ("LB", "VS", "RE", "RS", "CP", "EG", "QS", "FA")
FIELDS = ("TPT", "TPTREF", "TPTNUM", "ELTM", "RFTDTC")
STANDING = TimePoint(name="Standing, 1 min", reference="STANDING", number=2, elapsed="PT1M")
WITH_STANDING: Trial = TRIAL.model_copy(
    update={"open": TRIAL.open.model_copy(update={"time_points": (STANDING,)})}
)


# By domain, records with a few cells of their own.
Samples = dict[str, list[Row]]


@cache
def without_samples(columns: frozenset[tuple[str, str]]) -> Assessment:
    """The faultless extract; with the same columns, for that one is not there is a finding."""
    rows = whole_rows()
    for domain, column in sorted(columns):
        rows[domain] = [{column: None, **row} for row in rows[domain]]
    return assess_rows(rows)


def with_samples(samples: Samples, trial: Trial = TRIAL) -> Assessment:
    """The faultless extract and more samples like the first of each dataset."""
    rows = whole_rows()
    for domain, more in samples.items():
        columns: Row = {column: None for sample in more for column in sample}
        first = columns | rows[domain][0]
        rows[domain] = [columns | row for row in rows[domain]] + [first | cells for cells in more]
    return assess_rows(rows, trial=trial)


def assert_nothing_opened(samples: Samples) -> Assessment:
    columns = frozenset(
        (domain, column) for domain, more in samples.items() for cells in more for column in cells
    )
    before, after = without_samples(columns), with_samples(samples)
    for relation, frame in before.open_relations.items():
        assert_frame_equal(after.open_relations[relation], frame)
    assert_frame_equal(after.open_findings, before.open_findings)
    for domain, more in samples.items():
        relation = DOMAINS[domain].relation
        heights = [side.complete_relations[relation].height for side in (before, after)]
        assert heights[1] == heights[0] + len(more), f"none of {domain} is lost"
    return after


AROUND_A_DOSE = [
    *(("TPT", text) for text in ("2H POST", "T+30MIN", "PRE", "0")),
    ("TPTREF", "DAY 1"),
    ("TPTNUM", "2"),
    ("ELTM", "PT2H"),
    ("RFTDTC", "2023-03-10T09:00"),
]


def test_more_samples_of_the_treated_leave_no_trace() -> None:
    """Whichever field says it, and however little its words say of a dose."""
    samples: Samples = {
        domain: [{f"{domain}{field}": text} for field, text in AROUND_A_DOSE] for domain in MEASURED
    }
    after = assert_nothing_opened(samples)
    told = after.sealed_findings.filter(check=NOT_COMMON.id, domain="OPEN")
    said = set(told.filter(value="2H POST")["message"].str.extract(r"^(1 records of \w+)"))
    assert said == {f"1 records of {domain}" for domain in MEASURED}
    assert told.height == sum(map(len, samples.values())), "who may see sealed records is told"


SAID = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda text: text.strip() not in ("", ".")
)


@given(st.tuples(*(SAID for _domain in MEASURED for _field in FIELDS)))
# A smaller text says no more, and each example is an extract, with a text in each of the fields.
@settings(max_examples=20 if PROVE else 2, phases=[Phase.explicit, Phase.generate])
def test_no_text_of_a_time_point_opens_a_record(texts: tuple[str, ...]) -> None:
    said = iter(texts)
    assert_nothing_opened(
        {domain: [{f"{domain}{field}": next(said)} for field in FIELDS] for domain in MEASURED}
    )


AGREEING: list[Row] = [
    {"VSTPT": "Standing, 1 min"},
    {"VSTPT": " STANDING,  1 MIN ", "VSTPTNUM": "2.0"},
    {"VSTPTNUM": "2"},
    {"VSTPT": "Standing, 1 min", "VSTPTREF": "standing", "VSTPTNUM": "2", "VSELTM": "PT1M"},
    {"VSTPTREF": "STANDING", "VSRFTDTC": "2023-03-10T09:00"},
    {"VSTPT": None, "VSTPTNUM": "."},
]
DISAGREEING: list[Row] = [
    {"VSTPT": "Standing 1 min"},
    {"VSTPT": "Standing, 1 min", "VSTPTREF": "INSTILLATION"},
    {"VSTPT": "Standing, 1 min", "VSTPTNUM": "3"},
    {"VSTPT": "Standing, 1 min", "VSTPTNUM": "two"},
    {"VSTPT": "Standing, 1 min", "VSELTM": "PT2H"},
    {"VSTPT": "Standing, 1 min", "VSRFTDTC": "2023-03-10T09:00"},
    {"VSRFTDTC": "2023-03-10T09:00"},
    {"VSTPT": "2H POST"},
]


def test_a_time_point_that_the_definition_names_is_open_where_every_field_agrees() -> None:
    before = without_samples(frozenset({("VS", "VSTPT"), ("LB", "LBTPT")})).open_relations
    opened = with_samples({"VS": AGREEING}, WITH_STANDING).open_relations
    assert opened["vital_sign"].height == before["vital_sign"].height + len(AGREEING)
    sealed = with_samples({"VS": DISAGREEING, "LB": [{"LBTPT": "T-30MIN"}]}, WITH_STANDING)
    for relation in ("vital_sign", "laboratory"):
        assert sealed.open_relations[relation].height == before[relation].height


def test_the_pilot_names_the_time_points_that_all_arms_have() -> None:
    """Lying down and standing; its package says when, and takes them of everybody."""
    named = {point.name: point.number for point in load_trial("cdiscpilot01").open.time_points}
    assert list(named.values()) == [815, 816, 817]


def test_a_time_point_of_what_one_arm_only_has_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("definitions") / TRIAL.id
    folder.mkdir()
    more = '\n[[open.time_points]]\nname = "2H POST"\nreference = "Instillation 1"\n'
    (folder / "trial.toml").write_bytes(TRIAL.definition + more.encode())
    with pytest.raises(TrialDefinitionError, match="reference: 'Instillation 1' is open here"):
        read_definition(folder / "trial.toml")
