"""CSV: what is written is read back, and what is broken is refused by line, never by value."""

import csv
import io
import threading

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from data_validation.readers import delimited
from data_validation.readers.delimited import read_delimited
from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import text_frame
from tests.conftest import examples

SECRET = "SECRET-0815"
Rows = list[list[str]]

cells = st.text(
    st.one_of(
        st.sampled_from(list(",;\t|\"'\n #=-")),
        st.characters(exclude_categories=("Cs", "Cc")),
        st.sampled_from(list("咳嗽é")),
    ),
    max_size=8,
)


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    width = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6))
    return [[f"VAR{position}" for position in range(width)], *rows]


def written(rows: Rows, delimiter: str, line_end: str, quoting: int) -> str:
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=delimiter, lineterminator=line_end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows(rows)
    return content.getvalue()


def as_received(rows: Rows) -> list[tuple[str | None, ...]]:
    return [tuple(cell if cell.strip() else None for cell in row) for row in rows]


def read(data: bytes, limits: Limits | None = None) -> list[tuple[str | None, ...]]:
    limits = limits or Limits()
    frame, _ = text_frame(read_delimited(data, limits), "ae.csv", limits)
    assert frame["_row"].to_list() == list(range(1, frame.height + 1))
    return [tuple(frame.columns[:-2]), *frame.drop("_file", "_row").rows()]


@settings(deadline=None)
@given(
    rows=tables(),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
    last_line_end=st.booleans(),
)
def test_what_the_csv_module_writes_is_read_back(
    rows: Rows, delimiter: str, line_end: str, quoting: int, encoding: str, last_line_end: bool
) -> None:
    # With one column there is no delimiter in the first line, and a comma is taken for it.
    delimiter = delimiter if len(rows[0]) > 1 else ","
    text = written(rows, delimiter, line_end, quoting)
    if not last_line_end:
        text = text.removesuffix(line_end)
    assert read(text.encode(encoding)) == as_received(rows)


@settings(deadline=None)
@given(rows=tables(), encoding=st.sampled_from(["gb18030", "gbk", "cp1252", "utf-16", "big5"]))
def test_a_declared_encoding_is_read(rows: Rows, encoding: str) -> None:
    data = written(rows, ",", "\n", csv.QUOTE_ALL).encode(encoding, "replace")
    rows = [[cell.encode(encoding, "replace").decode(encoding) for cell in row] for row in rows]
    assume(not is_utf8(data) or data.isascii())
    assert read(data, Limits(declared_encoding=encoding)) == as_received(rows)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=examples(400), deadline=None)
@given(st.text(alphabet='ab",\n\r ', max_size=24), st.sampled_from(["A,B\n", "A\n", ""]))
@example("1,5'10\"\n2,6'1\"\n", "A,B\n")
@example('"1\n2",3\n', "A,B\n")
@example('a"b,c"d,e\n', "A,B\n")
@example("1,2\n\n3,4\n", "A,B\n")
@example("1,2\r3,4\r", "A,B\n")
def test_whatever_is_accepted_is_what_a_strict_csv_parser_reads(body: str, header: str) -> None:
    data = (header + body).encode()
    try:
        found = read_delimited(data, Limits())
    except Refusal:
        return
    names, *expected = [
        row for row in csv.reader(io.StringIO(header + body, newline=""), strict=True) if row
    ]
    columns = [column.to_list() for column in found.columns]
    got = [[cell or "" for cell in row] for row in zip(*columns, strict=True)]
    assert list(found.names) == names
    # A blank line is a row, for rows are counted; one without any value is passed over later.
    assert list(filter(any, got)) == list(filter(any, expected))


@settings(deadline=None)
@given(rows=tables(), at=st.integers(0, 10**6), mark=st.sampled_from(['"', ",", "\n", "\r"]))
def test_a_stray_character_never_shifts_or_drops_a_value(rows: Rows, at: int, mark: str) -> None:
    text = written(rows, ",", "\n", csv.QUOTE_MINIMAL)
    at %= len(text) + 1
    text = text[:at] + mark + text[at:]
    try:
        found = read(text.encode())
    except Refusal:
        return
    expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    # A blank line is a row without any value.
    assert list(filter(any, found[1:])) == list(filter(any, as_received(expected[1:])))


@settings(deadline=None)
@given(rows=tables(), chunk=st.integers(1, 9))
def test_quotation_marks_across_the_chunks_of_the_check_are_read(rows: Rows, chunk: int) -> None:
    text = written(rows, ",", "\n", csv.QUOTE_ALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_CHUNK", chunk)
        assert read(text.encode()) == as_received(rows)
        with pytest.raises(Refusal, match="does not end at the next one"):
            read(text.removesuffix("\n").encode() + b"c\n")


hostile = [
    ("zero bytes", b"", None, "is empty; send it with at least the line"),
    ("blank lines only", b"\n\n", None, "is empty"),
    ("a byte order mark only", b"\xef\xbb\xbf", None, "is empty"),
    ("a blank first line", b"\nA,B\n1,2\n", 1, "is blank; the first line should name"),
    ("an unclosed quote", f'A,B\n1,2\n"{SECRET},3\n4,5\n'.encode(), 3, "is never closed"),
    ("a quote closed by the next", f'A,B\n"{SECRET},3\n4,"x"\n'.encode(), 2, "does not end at"),
    ("text after a quote", f'A,B\n1,2\n3,"{SECRET}"x\n'.encode(), 3, "does not end at the next"),
    ("a mark in bare text", f"A,B\n1,{SECRET}5'10\"\n".encode(), 2, "does not begin with one"),
    ("too few fields", f"A,B\n1,2\n{SECRET}\n".encode(), 3, "has 1 field where .* 2 fields"),
    ("too many fields", f"A,B\n1,2,{SECRET}\n".encode(), 2, "has 3 fields where .* 2 fields"),
    (
        "too many fields after a record of two lines",
        f'A,B\n"1\n1",2\n1,2,{SECRET}\n'.encode(),
        4,
        "has 3 fields where .* 2 fields",
    ),
    ("a line of white space", b"A,B\n1,2\n  \n3,4\n", 3, "has 1 field where .* 2 fields"),
    ("a NUL byte", f"A,B\n1,{SECRET}\n\0,2\n".encode(), 3, "holds a NUL byte"),
    ("UTF-16", f"A,B\n{SECRET},2\n".encode("utf-16"), None, "is UTF-16, not UTF-8"),
    (
        "no encoding at all",
        f"A,B\n{SECRET},\x81\xff\n".encode("latin-1"),
        None,
        "holds text that is neither UTF-8 nor GB18030 nor Windows-1252",
    ),
    ("old Mac line ends", f"A,B\r1,{SECRET}\r".encode(), None, "in two ways that disagree"),
    ("a repeated name", f"A,a\n1,{SECRET}\n".encode(), None, "columns 1 and 2 the same name"),
]


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [case[1:] for case in hostile],
    ids=[case[0] for case in hostile],
)
def test_broken_csv_is_refused_by_line_and_not_by_value(
    data: bytes, line: int | None, said: str
) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        read(data)
    assert caught.value.line == line
    assert SECRET not in caught.value.problem("ae.csv").sentence


@pytest.mark.parametrize(
    ("field", "limit"),
    [("x" * 9, 8), ("咳" * 3, 8), ("x" * 9 * 64, 8)],
    ids=["by characters", "by bytes alone", "beyond counting"],
)
def test_a_field_over_the_limit_is_refused_by_line_and_column(field: str, limit: int) -> None:
    data = f"A,B\n1,2\n3,{field}\n".encode()
    with pytest.raises(Refusal) as caught:
        read(data, Limits(field_bytes=limit))
    assert caught.value.line == 3
    if len(field) < 64 * limit:
        assert f"in column 2 a field of more than {limit} bytes" in caught.value.reason
    assert read(data, Limits(field_bytes=len(field.encode())))[2] == ("3", field)


def test_the_limit_of_a_field_is_one_mebibyte_to_the_byte() -> None:
    mebibyte = "x" * 1024**2
    assert read(f"A,B\n1,{mebibyte}\n".encode())[1] == ("1", mebibyte)
    with pytest.raises(Refusal, match="in column 2 a field of more than 1048576 bytes"):
        read(f"A,B\n1,{mebibyte}x\n".encode())


def test_a_first_line_over_the_limit_is_refused() -> None:
    with pytest.raises(Refusal, match="first line of more than 8 bytes"):
        read(b"ABCDEFGHIJ,B\n", Limits(field_bytes=8))


def test_the_limit_of_the_csv_module_is_left_as_it_was() -> None:
    before = 131_072  # What Python starts with.
    csv.field_size_limit(before)
    threads = [threading.Thread(target=read, args=(b"A,B\n1,2\n",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    with pytest.raises(Refusal):
        read(b"A,B\n1\n")
    for thread in threads:
        thread.join()
    assert csv.field_size_limit() == before


def test_a_header_alone_is_a_dataset_without_rows() -> None:
    for data in (b"A,B", b"A,B\n", b"A,B\r\n\r\n\r\n"):
        assert read(data) == [("A", "B")]


def test_delimiters_inside_quoted_names_do_not_count() -> None:
    assert read(b'"A,A,A,A";B;C\n1;2,5;3\n') == [("A,A,A,A", "B", "C"), ("1", "2,5", "3")]


def test_an_unclosed_quote_in_the_first_line_is_refused() -> None:
    with pytest.raises(Refusal, match="is never closed"):
        read(b'A,"B\n1,2\n')


def test_the_order_of_encodings_is_utf_8_then_declared() -> None:
    limits = Limits(declared_encoding="cp1252")
    assert read("A,B\né,2\n".encode(), limits)[1] == ("é", "2")
    table = read_delimited("A,B\né,2\n".encode("cp1252"), limits)
    assert table.columns[0].to_list() == ["é"]
    assert table.notes == ("It is not UTF-8 and was read in the declared encoding cp1252.",)
    # What the declared encoding can not hold falls to GB18030, and the note says so.
    table = read_delimited("A,B\n咳嗽,2\n".encode("gb18030"), Limits(declared_encoding="ascii"))
    assert table.columns[0].to_list() == ["咳嗽"]
    assert "GB18030" in table.notes[0]
