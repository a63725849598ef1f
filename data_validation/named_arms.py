"""Open texts that name an arm, or what one arm only has: where there is one, nothing is published.

A body system "General disorders (Control)" makes of a pooled table one by arm. So every text that
would open is searched for the names in the definition. What is searched is open, and what is looked
for stands in the definition: that an extract is refused tells nothing of the allocation.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from data_validation.domains import DOMAINS
from data_validation.facts import Kind, Severity
from data_validation.listed_texts import lists_of
from data_validation.released import Released
from data_validation.rules import Audience, Rule, RuleKind, Stated
from data_validation.sealing import Tables
from trials import Trial

ALLOWED = Rule(
    id="OPEN-105",
    domain="OPEN",
    field="",
    severity=Severity.NOTE,
    sentence="The definition allows an open text though it may name an arm.",
    why="Blinding: texts that name an arm refuse a load, unless the definition gives a reason.",
    query="None for the site. Read the reason, and take it out of the definition if it is none.",
    kind=RuleKind.BLINDING,
    audience=Audience.EXPORT,
)
RULES = (ALLOWED,)

# Of these the rule that opens a row has held the text against a list, or it is made here.
_HELD = re.compile(r"VISIT|IETESTCD|..(TESTCD|CLASS|VISBY|GAS)|RDOMAIN|QNAM")

# A name made of nothing but these stands in medical terms, too: "Loss of control of legs".
_WORDS = (
    "a active and arm background best care chemotherapy cohort comparator conservative control "
    "controls conventional counseling counselling deferred delayed device diet dose doses drug "
    "drugs early education exercise experimental fluid fluids group high immediate infusion "
    "injection intervention interventions invasive investigational late liberal low management "
    "medical medium monitoring no none of observation only operation oxygen plus position "
    "procedure prone radiotherapy reference regimen rest restrictive routine standard study "
    "support supportive surgery surgical test the therapies therapy transfusion treated treatment "
    "treatments trial usual vaccination vaccine ventilation with"
)
_ORDINARY = frozenset(_WORDS.split())
_BESIDE_A_CODE = "(?:arm|group|treatment)"
_BESIDE_A_WORD = "(?:arms?|groups?|cohorts?|strat(?:um|a))"
# Groups that are no arms: of blood, and of streptococci.
_NO_ARM = r" blood group \S+| group [a-z] (?:(?:alpha|beta) )?(?:ha?emolytic )?(strep)"
# Scripts that set no blanks between words.
_WITHOUT_BLANKS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)
_LONG, _SHORT = 5, 2


def findings_of_allowed_texts(trial: Trial) -> Iterator[Stated]:
    """What the definition allows, with its reasons: of the definition alone, whatever the data."""
    for item in trial.open.texts:
        yield Stated(
            ALLOWED,
            f"{item.column}: {item.text}",
            item.text,
            f"The trial definition allows “{item.text}” in {item.column}: {item.reason}",
        )


def columns_that_name_an_arm(opened: Tables, given: Released, trial: Trial) -> list[str]:
    """The columns, as `AE.AEBODSYS`, in which an open text names an arm or is sealed by name.

    Args:
        opened: open tables. given: what opens from sealed input.
    """
    names = names_of(trial)
    allowed: dict[str, list[str]] = {}
    for item in trial.open.texts:
        allowed.setdefault(item.column, []).append(item.text)
    listed = lists_of(trial) | {
        "DM.STUDYID": (trial.study,),
        "DS.DSTERM or DM.ARMNRS": tuple(reason.name for reason in trial.screening.reasons),
    }
    texts = pl.concat(
        texts.rename("text").to_frame().select(pl.lit(column).alias("column"), "text")
        for column, texts in _open_texts(opened, given)
    )
    # All at once: few have a name, and only of those it matters which ones pass in their column.
    named = texts.filter(names.are_in(texts["text"]))
    return [
        str(column)
        for (column,), of_column in named.group_by("column", maintain_order=True)
        if names.any_in(of_column["text"], [*allowed.get(column, ()), *listed.get(column, ())])
    ]


def _open_texts(opened: Tables, given: Released) -> Iterator[tuple[str, pl.Series]]:
    """Each column of free text that opens, and its different texts."""
    if not opened.is_open:
        raise ValueError("sealed texts are not searched: a refusal would tell of them")
    for name in sorted(opened.present):
        for field in DOMAINS[name].open_fields:
            if field.kind is Kind.TEXT and _HELD.fullmatch(field.name) is None:
                yield f"{name}.{field.name}", opened.frames[name][field.name].unique().drop_nulls()
    yield "RANDOMIZATION.STRATUM", given.randomized["stratum"].unique().drop_nulls()
    reasons = given.screening["screening_reason"].unique().drop_nulls()
    yield "DS.DSTERM or DM.ARMNRS", reasons


# --- Reading a text --------------------------------------------------------------------------


def _plain(text: str) -> str:
    """A text without case, width, accents and what cannot be seen."""
    # What parts lines and cells parts a text as punctuation does.
    apart = re.sub(r"[\t-\r]", "|", unicodedata.normalize("NFKD", text).lower())
    return "".join(sign for sign in apart if unicodedata.category(sign)[0] not in "MC")


def _words(text: str) -> list[str]:
    """The words of a text: letters and digits."""
    return re.findall(r"[^\W_]+", _plain(text))


def _read(texts: pl.Series) -> pl.DataFrame:
    """Of each text its `words`, between blanks, and its `parts`, between bars for punctuation."""
    is_plain = texts.str.contains(r"^[ -~]*$")
    plain = texts.str.to_lowercase()
    if not is_plain.all():
        others = pl.Series([_plain(text) for text in texts.filter(~is_plain)], dtype=pl.String)
        plain = plain.scatter(is_plain.not_().arg_true(), others)
    text = pl.col("text")
    words = text.str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    # In "self-control" the hyphen parts nothing.
    parts = text.str.replace_all(r"\bself-", "self").str.replace_all(r"[^\p{L}\p{N}\s]+", "|")
    return plain.to_frame("text").select(
        pl.concat_str(pl.lit(" "), words, pl.lit(" "))
        .str.replace_all(_NO_ARM, " $1")
        .alias("words"),
        pl.concat_str(
            pl.lit("|"),
            parts.str.replace_all(r"\s+", " ").str.replace_all(r" ?\| ?", "|").str.strip_chars(),
            pl.lit("|"),
        ).alias("parts"),
    )


# --- What is looked for ----------------------------------------------------------------------


@dataclass(frozen=True)
class Names:
    """What is looked for.

    Attributes:
        in_words, in_parts: patterns in what `_read` makes of a text.
        whole: what a text is as a whole, without blanks.
        study: the identifier of the study, with which those of sites and subjects may begin.
    """

    in_words: str
    in_parts: str
    whole: tuple[str, ...]
    study: str

    def are_in(self, texts: pl.Series, passing: Iterable[str] = ()) -> pl.Series:
        """Whether each of some texts, unless it passes, has one of the names."""
        words = pl.col("words").str.replace(rf"^ {re.escape(self.study)} ", " ")
        whole = pl.col("words").str.replace_all(" ", "", literal=True).is_in(list(self.whole))
        named = (
            words.str.contains(self.in_words) | pl.col("parts").str.contains(self.in_parts) | whole
        )
        passes = [" ".join(_words(text)) for text in passing]
        is_passing = pl.col("words").str.strip_chars().is_in(passes)
        return _read(texts).select(named & ~is_passing).to_series()

    def any_in(self, texts: pl.Series, passing: Iterable[str] = ()) -> bool:
        """Whether any of some texts, but those that pass, has one of the names."""
        return not texts.is_empty() and self.are_in(texts, passing).any()


def names_of(trial: Trial) -> Names:
    """Arms by code, name and synonym; what one arm only has; and the phrases for ordinary names."""
    sealed = trial.sealed
    names = [
        *(text for arm in trial.arms.list for text in (arm.code, arm.name, *arm.synonyms)),
        *(*sealed.preferred_terms, *sealed.visits, *sealed.procedures, *sealed.medications),
        *(*sealed.tests, *sealed.dispositions, *sealed.deviations),
    ]
    ordinary = _ORDINARY | {word for text in trial.blinding.ordinary_words for word in _words(text)}
    in_words: list[str] = []
    in_parts: list[str] = []
    whole: list[str] = []
    for words in dict.fromkeys(tuple(_words(name)) for name in names):
        together = "".join(words)
        if not together:
            continue
        if _WITHOUT_BLANKS.search(together) and len(together) >= _SHORT:
            in_words.append(_spread(together))
        elif len(together) <= _SHORT or together.isdigit():
            in_words += [f" {_BESIDE_A_CODE} {together} ", f" {together} {_BESIDE_A_CODE}s? "]
            if together != "s":
                in_words.append(f" {_BESIDE_A_CODE}{together} ")
        elif ordinary.issuperset(words):
            said = " ?".join(words)
            in_words += [f" {said} ?{_BESIDE_A_WORD} ", f" {_BESIDE_A_WORD} ?{said} "]
            in_parts.append(rf"\|{'[ |]?'.join(together)}s?(?: ?[0-9]+)?\|")
            whole.append(together)
        else:
            in_words += _anywhere(words)
            whole.append(together)
    for phrase in (text for arm in trial.arms.list for text in arm.phrases):
        in_words += _anywhere(tuple(_words(phrase)))
    never = r"[^\s\S]"
    return Names(
        "|".join(in_words) or never,
        "|".join(in_parts) or never,
        tuple(whole),
        " ".join(_words(trial.study)),
    )


def _spread(text: str) -> str:
    """The letters of a text, with or without a blank between each two."""
    return " ?".join(text)


def _anywhere(words: tuple[str, ...]) -> list[str]:
    """Patterns of a name that is no ordinary word, among other words.

    As words of its own, whatever blanks and punctuation part its letters; a long one also where it
    begins or ends a word.
    """
    together, said = "".join(words), " ?".join(words)
    more = "(?:s|[0-9]+)?" if not together[-1:].isdigit() else "s?"
    if len(together) < _LONG:
        return [f" (?:{said}|{' '.join(together)}){more} "]
    begins = said if len(words[-1]) > _SHORT else together
    ends = said if len(words[0]) > _SHORT else together
    return [f" {_spread(together)}{more} ", f" {begins}", f"{ends} "]
