"""Open texts that are values of lists: of a dictionary, of this program or of the definition.

A text that is free could be a mark that nobody searches for: "Cardiac disorders." of the treated,
without the full stop of the others. So what is on no list does not open, and what is has one form.
"""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from data_validation.facts import Severity, folded_terms
from data_validation.rules import Audience, Rule, RuleKind, Stated
from data_validation.sealing import Tables
from data_validation.units import folded_unit
from data_validation.values import NOT_SHOWN
from trials import Trial

NOT_LISTED = Rule(
    id="OPEN-106",
    domain="OPEN",
    field="",
    severity=Severity.MINOR,
    sentence="A body system, specimen or category is on no list, and is not shown.",
    why="Blinding: a text that is free could say who was treated in words that nobody looks for.",
    query="None for the site. See whether the text is a value of the dictionary, or written as the "
    "trial definition has it; where it should be shown, allow it there with its reason "
    "([[open.texts]]).",
    kind=RuleKind.BLINDING,
    audience=Audience.EXPORT,
)
RULES = (NOT_LISTED,)

# MedDRA's system organ classes, of which one has the giving of a treatment in its name.
_BODY_SYSTEMS = (
    "Blood and lymphatic system disorders", "Cardiac disorders",
    "Congenital, familial and genetic disorders", "Ear and labyrinth disorders",
    "Endocrine disorders", "Eye disorders", "Gastrointestinal disorders",
    "General disorders and administration site conditions", "Hepatobiliary disorders",
    "Immune system disorders", "Infections and infestations",
    "Injury, poisoning and procedural complications", "Investigations",
    "Metabolism and nutrition disorders", "Musculoskeletal and connective tissue disorders",
    "Neoplasms benign, malignant and unspecified (incl cysts and polyps)",
    "Nervous system disorders", "Pregnancy, puerperium and perinatal conditions",
    "Product issues", "Psychiatric disorders", "Renal and urinary disorders",
    "Reproductive system and breast disorders", "Respiratory, thoracic and mediastinal disorders",
    "Skin and subcutaneous tissue disorders", "Social circumstances",
    "Surgical and medical procedures", "Vascular disorders",
)  # fmt: skip

# What results are commonly taken from, by CDISC's terms and in common words.
_SPECIMENS = (
    "Blood", "Arterial blood", "Venous blood", "Capillary blood", "Mixed venous blood",
    "Cord blood", "Whole blood", "Serum", "Plasma", "Serum or plasma", "Serum/plasma", "Urine",
    "Cerebrospinal fluid", "CSF", "Sputum", "Saliva", "Bronchoalveolar lavage fluid",
    "Lavage fluid", "BAL", "Tracheal aspirate", "Nasopharyngeal swab", "Nasal swab",
    "Oropharyngeal swab", "Swab", "Stool", "Feces", "Faeces", "Tissue", "Bone marrow",
    "Pleural fluid", "Ascites fluid", "Breath", "Peripheral blood mononuclear cells", "PBMC",
)  # fmt: skip


def lists_of(trial: Trial) -> dict[str, tuple[str, ...]]:
    """By column, as `AE.AEBODSYS`, the texts that are on its list."""
    listed: dict[str, tuple[str, ...]] = {
        "AE.AEBODSYS": _BODY_SYSTEMS,
        "MH.MHBODSYS": _BODY_SYSTEMS,
    }
    for measure in trial.measures:
        name = measure.domain
        for column, texts in (
            (f"{name}.{name}ORRESU", tuple(measure.factors)),
            (f"{name}.{name}SPEC", (*_SPECIMENS, *measure.specimens)),
            (f"{name}.{name}CAT", measure.categories),
        ):
            listed[column] = (*listed.get(column, ()), *texts)
    for item in trial.open.texts:
        if item.column in listed:
            listed[item.column] += (item.text,)
    return listed


def only_listed(opened: Tables, trial: Trial) -> tuple[Tables, list[Stated]]:
    """Open tables without the texts that are on no list, and a finding for each column with some.

    What differs in case and punctuation only, and of units all that is the same unit, is one text:
    as the list has it, in the capitals that most of the extract have.
    """
    frames = dict(opened.frames)
    findings: list[Stated] = []
    for column, listed in lists_of(trial).items():
        dataset, name = column.split(".")
        if dataset not in opened.present or name not in frames[dataset].columns:
            continue
        texts = frames[dataset][name]
        shown = texts.replace(_shown(texts, listed, is_unit=name.endswith("ORRESU")))
        frames[dataset] = frames[dataset].with_columns(shown)
        if records := int(((shown == NOT_SHOWN) & (texts != NOT_SHOWN)).sum()):
            of = "1 record" if records == 1 else f"{records} records"
            message = f"{column}: the text of {of} is on no list, and is not shown."
            findings.append(Stated(NOT_LISTED, column, None, message))
    return replace(opened, frames=frames), findings


def _shown(texts: pl.Series, listed: tuple[str, ...], *, is_unit: bool) -> dict[str, str]:
    """What is shown of each of some texts."""
    counted = texts.drop_nulls().value_counts().rows()
    # Those that most have come first.
    distinct = [text for text, _ in sorted(counted, key=lambda item: (-item[1], item[0]))]
    forms = dict(zip(distinct, _forms(distinct, is_unit=is_unit), strict=True))
    of_list = dict(zip(reversed(listed), _forms(listed[::-1], is_unit=is_unit), strict=True))
    first = {form: text for text, form in of_list.items()}
    in_capitals = {text.upper() for text in listed}
    for text in reversed(distinct):
        if text.upper() in in_capitals:
            first[forms[text]] = text
    # A unit that is on no list is asked about, so whoever asks has to see it; it is searched for
    # names as any open text.
    return {text: first.get(form, text if is_unit else NOT_SHOWN) for text, form in forms.items()}


def _forms(texts: Sequence[str], *, is_unit: bool) -> list[str]:
    """What is common to all spellings of each text."""
    return [folded_unit(text) for text in texts] if is_unit else [*folded_terms(tuple(texts))]
