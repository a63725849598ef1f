"""Files of standardized queries: what is read, what is refused, and which terms count then.

All content is made up: MedDRA's queries are licensed, and no part of one may stand here.
"""

from pathlib import Path

import pytest

from trials import SpecialInterest, StandardQueriesError, load_trial, with_standard_queries
from trials.standard_queries import read_standard_queries

MADE_UP = """smq,term,category,scope
Made-up storm (SMQ),Storm,A,narrow
Made-up storm (SMQ),Red sky,b,Broad
Made-up storm (SMQ),Wheeze of wind,C,broad
Made-up storm (SMQ),Falling glass,D,broad
Hypersensitivity,Sneeze of a cat,,narrow
Hypersensitivity,Itch of a dog,,broad
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "smq.csv"
    path.write_text(MADE_UP, encoding="utf-8-sig")
    return path


def group(**given: object) -> SpecialInterest:
    known = {"id": "g", "name": "G", "why": "W", "meddra_version": "26.0", "terms": ["Own term"]}
    return SpecialInterest.model_validate(known | given)


def test_queries_are_found_by_name_without_case(file: Path) -> None:
    queries = read_standard_queries(file)
    assert set(queries) == {"made-up storm", "hypersensitivity"}
    assert [(item.term, item.category, item.scope) for item in queries["made-up storm"]] == [
        ("Storm", "A", "narrow"),
        ("Red sky", "B", "broad"),
        ("Wheeze of wind", "C", "broad"),
        ("Falling glass", "D", "broad"),
    ]


def test_a_changed_file_is_read_again(file: Path) -> None:
    assert "other" not in read_standard_queries(file)
    file.write_text(MADE_UP + "Other,Some term,,narrow\n")
    assert "other" in read_standard_queries(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smq,term,scope\n", "line 1: the columns smq, term, category, scope are expected, and ca"),
        ("smq,term,category,scope\n", "has no row below its header"),
        (MADE_UP + "Q,,,narrow\n", "line 8: term is empty"),
        (MADE_UP + "Q,T,E,narrow\n", "line 8: category is 'E', and not A, B, C, D or empty"),
        (MADE_UP + "Q,T,,wide\n", "line 8: scope is 'wide', and not narrow or broad"),
        (MADE_UP + "Q,T\nQ,U\n", "line 8: scope is ''.*\n.*line 9: scope is ''"),
    ],
)
def test_what_is_wrong_is_said_by_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "smq.csv"
    path.write_text(text)
    with pytest.raises(StandardQueriesError, match=said):
        read_standard_queries(path)


def test_a_file_that_is_not_there_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(StandardQueriesError, match="Set DSMB_SMQ_FILE to a file that is there"):
        read_standard_queries(tmp_path / "none.csv")
    (tmp_path / "smq.csv").write_bytes(b"\xff\xfe\x00smq")
    with pytest.raises(StandardQueriesError, match="not a CSV in UTF-8"):
        read_standard_queries(tmp_path / "smq.csv")


def test_a_group_that_names_a_query_has_its_terms(file: Path) -> None:
    trial = load_trial("nct05689008")
    changed = with_standard_queries(
        trial.model_copy(
            update={"special_interest": (group(smq="hypersensitivity (SMQ)"), group(id="h"))}
        ),
        file,
    )
    assert [one.counted_terms for one in changed.special_interest] == [
        (("Sneeze of a cat", None),),
        (("Own term", None),),
    ]
    assert changed.definition == trial.definition


def test_without_a_file_the_definition_counts() -> None:
    trial = load_trial("nct05689008")
    assert with_standard_queries(trial, None) is trial
    assert dict(trial.special_interest[0].counted_terms)["Urticaria"] is None


def test_a_query_that_the_file_has_not_is_said(file: Path) -> None:
    """The demonstration names one of venous events, and the file has none."""
    with pytest.raises(StandardQueriesError, match="has no query 'Embolic and thrombotic events"):
        with_standard_queries(load_trial("nct05689008"), file)


def test_a_query_without_a_term_of_its_scope_is_said(tmp_path: Path) -> None:
    path = tmp_path / "smq.csv"
    path.write_text("smq,term,category,scope\nQ,T,,broad\n")
    trial = load_trial("nct05689008").model_copy(update={"special_interest": (group(smq="Q"),)})
    with pytest.raises(StandardQueriesError, match='scope = "broad" would take'):
        with_standard_queries(trial, path)


def test_scope_and_algorithm_say_which_terms_count(file: Path) -> None:
    trial = load_trial("nct05689008")

    def counted(**given: object) -> tuple[tuple[str, str | None], ...]:
        groups = (group(smq="Made-up storm", **given),)
        changed = with_standard_queries(trial.model_copy(update={"special_interest": groups}), file)
        return changed.special_interest[0].counted_terms

    assert counted() == (("Storm", None),)
    assert [term for term, _ in counted(scope="broad")] == [
        "Storm", "Red sky", "Wheeze of wind", "Falling glass",
    ]  # fmt: skip
    assert counted(algorithm_days=1) == (
        ("Storm", None), ("Red sky", "B"), ("Wheeze of wind", "C"), ("Falling glass", "D"),
    )  # fmt: skip
