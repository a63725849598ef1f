"""Which encoding a text is in, where nobody says: by which decoding it is a plausible text."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_validation.readers.encoding import as_utf8, encoding_of
from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal

WESTERN = [
    "BILI,10,µmol/L\n",
    "TEMP,38 °C\n",
    "Größe,naïve,café,été\n",
    "Müller,Öß,Straße,GRÖSSE\n",
    "“severe” – Ménière’s disease…\n",
    "±5 µg/m²\n",
    "España,señor,ocurrió\n",
]
CHINESE = [
    "咳嗽,1\n",
    "瘙痒\n",
    "ALT升高 10 umol/L\n",
    "头痛（轻度）\n",
    "T细胞cells减少,37℃\n",
    "王镕,张喆\n",
    "血清µ\n",
]


def read(data: bytes, **limits: str) -> tuple[str, tuple[str, ...]]:
    text, notes = as_utf8(data, Limits(**limits))  # type: ignore[arg-type]
    return text.decode("utf-8"), notes


@pytest.mark.parametrize("text", WESTERN)
def test_a_file_of_micro_signs_degrees_and_accents_is_western(text: str) -> None:
    found, notes = read(text.encode("cp1252"))
    assert found == text
    assert notes[0].startswith("It is not UTF-8 and was read as Windows-1252; if text in it looks")


@pytest.mark.parametrize("text", CHINESE)
def test_a_file_in_chinese_is_not_western(text: str) -> None:
    found, notes = read(text.encode("gb18030"))
    assert found == text
    assert notes[0].startswith("It is not UTF-8 and was read as GB18030; if text in it looks")


@given(
    st.lists(st.sampled_from(CHINESE[:5]), min_size=5), st.sampled_from(["王镕", "é", "㐀", "Ω"])
)
def test_a_rare_character_among_common_ones_does_not_make_a_text_western(
    lines: list[str], rare: str
) -> None:
    text = "".join([*lines, rare, "\n"])
    assert read(text.encode("gb18030"))[0] == text


@pytest.mark.parametrize("text", [*WESTERN, *CHINESE, "\ufeffA,B\n"])
def test_utf_8_is_taken_before_anything_else(text: str) -> None:
    assert read(text.encode()) == (text.removeprefix("\ufeff"), ())
    assert read(text.encode(), declared_encoding="gb18030")[0] == text.removeprefix("\ufeff")


def test_the_declared_encoding_is_taken_before_what_the_bytes_say() -> None:
    data = "µmol/L".encode("cp1252")
    assert read(data, declared_encoding="gb18030")[0] == "祄ol/L"
    assert read(data, declared_encoding="ascii")[0] == "µmol/L"


@pytest.mark.parametrize(
    ("data", "found", "line"),
    [
        ("咳嗽,肺炎\n1,发热".encode()[:-1] + b",x\n", "咳嗽,肺炎\n1,发\ufffd,x\n", 2),
        ("咳嗽,肺炎\n1,发热".encode()[:-2], "咳嗽,肺炎\n1,发\ufffd", 2),
        ('a,"Sjögren µ"\n"caf'.encode() + b'\xc3",x\n', 'a,"Sjögren µ"\n"caf\ufffd",x\n', 2),
        ("咳嗽,肺炎\n1,发热".encode("gb18030")[:-1] + b",x", "咳嗽,肺炎\n1,发\ufffd,x", 2),
    ],
)
def test_a_value_that_is_cut_within_a_letter_is_named_by_its_line(
    data: bytes, found: str, line: int
) -> None:
    text, notes = read(data)
    assert text == found
    assert notes[-1].startswith(f"A value is cut within a letter, at line {line}; what is left")


def test_of_many_cut_letters_the_first_are_named() -> None:
    text, notes = read("咳嗽肺炎,".encode() * 9 + b"\n" + b"\xe5\x92,\n" * 7)
    assert text.count("\ufffd") == 7
    assert "at line 2, line 3, line 4, line 5, line 6 and 2 more;" in notes[0]


def test_what_fits_nowhere_is_refused() -> None:
    with pytest.raises(Refusal, match="neither UTF-8 nor ascii nor GB18030 nor Windows-1252"):
        encoding_of(b"\x81\xff,\xff\x81", Limits(declared_encoding="ascii"))
    with pytest.raises(Refusal, match="is UTF-16, not UTF-8"):
        encoding_of(codecs.BOM_UTF16_LE + "é".encode("utf-16-le"), Limits())
