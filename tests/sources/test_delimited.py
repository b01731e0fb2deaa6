"""CSV: what is read, what is rejected and why, and that nothing is lost without a word."""

from __future__ import annotations

import pytest

from transforms.errors import InputError, SourceError


def names(version):
    return [column["name"] for column in version.columns]


def types(version):
    return [column["type"] for column in version.columns]


def test_plain_table(load):
    version, rows, rejected = load("id;name;x\n1;anna;1.5\n2;ben;\n")
    assert rows == [(1, "anna", 1.5), (2, "ben", None)]
    assert types(version) == ["int64", "string", "float64"]
    assert (version.rejected, rejected, version.warnings) == (0, [], [])
    facts = {key: version.parse[key] for key in ("format", "delimiter", "quote", "header", "encoding", "line_end")}
    assert facts == {
        "format": "csv", "delimiter": ";", "quote": '"', "header": True, "encoding": "utf-8", "line_end": "LF"
    }  # fmt: skip


def test_rows_with_another_number_of_columns_are_rejected_with_line_and_reason(load):
    version, rows, rejected = load("a,b,c\n1,2,3\n4,5\n6,7,8,9\n7,8,9\n")
    assert rows == [(1, 2, 3), (7, 8, 9)]
    assert version.rejected == 2
    assert [(line, text) for line, _, _, text in rejected] == [(3, "4,5"), (4, "6,7,8,9")]
    assert [reason for _, _, reason, _ in rejected] == [
        "too few columns: 2 instead of 3",
        "too many columns: 4 instead of 3",
    ]
    assert version.warnings == ["2 rows were rejected."]


def test_one_badly_quoted_line_does_not_change_how_the_others_are_read(load):
    version, rows, rejected = load('a,b\n1,"x ""q"" y"\n2,"two\nlines"\n3,"bad " quote"\n4,z\n')
    assert rows == [(1, 'x "q" y'), (2, "two\nlines"), (4, "z")]
    assert [(r[0], "quote" in r[2]) for r in rejected] == [(5, True)]


def test_late_values_of_another_type_make_the_column_text_and_lose_no_row(load):
    content = "id,when\n" + "".join(f"{i},2020-01-01\n" for i in range(30_000)) + "x7,2020-13-45\n1,2020-01-02\n"
    version, rows, _ = load(content)
    assert (version.rows, version.rejected) == (30_002, 0)
    assert types(version) == ["string", "string"]
    assert rows[-2:] == [("x7", "2020-13-45"), ("1", "2020-01-02")]
    assert version.warnings == [
        "Column 'id' was kept as text: 1 value is no whole number, first in line 30002 ('x7').",
        "Column 'when' was kept as text: 1 value is no date, first in line 30002 ('2020-13-45').",
    ]


def test_late_values_can_be_rejected_instead(load):
    content = "id\n" + "".join(f"{i}\n" for i in range(30_000)) + "x7\n"
    version, rows, rejected = load(content, options={"on_bad_value": "reject"})
    assert (version.rows, version.rejected, types(version)) == (30_000, 1, ["int64"])
    assert rejected[0][0] == 30_002


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(load, end):
    version, rows, _ = load(end.join(["a,b", "1,x", "2,y", ""]))
    assert rows == [(1, "x"), (2, "y")]


def test_mixed_line_ends_lose_nothing(load):
    content = "a,b\r\n" + "".join(f"{i},x\r\n" for i in range(1000)) + "1000,x\n1001,x,too long\r\n"
    version, rows, rejected = load(content)
    assert (version.rows, [r[0] for r in rejected], version.parse["line_end"]) == (1001, [1003], "mixed")
    assert version.warnings[0] == "The file mixes several kinds of line end; all were read as one."
    # the other line end only far down, where the sniffer does not look
    content = "a,b\n" + "".join(f"{i},{'x' * 50}\n" for i in range(120_000)) + "7,y\r\n8,z\n"
    version, rows, _ = load(content)
    assert (version.rows, rows[-2:], version.parse["line_end"]) == (120_002, [(7, "y"), (8, "z")], "mixed")


def test_quoted_line_feeds_in_a_file_with_crlf(load):
    version, rows, _ = load('a,"b\nc",d\r\n1,2,3\r\n4,5,6\r\n')
    assert (names(version), rows) == (["a", "b\nc", "d"], [(1, 2, 3), (4, 5, 6)])


def test_duplicate_and_empty_names_are_renamed_with_a_warning(load):
    version, rows, _ = load("a,A,,b,a_2\n1,2,3,4,5\n")
    assert names(version) == ["a", "A_3", "column_3", "b", "a_2"]
    assert rows == [(1, 2, 3, 4, 5)]
    assert version.warnings == [
        "Columns without a name were named: 'column_3' (place 3).",
        "Columns with a name that was taken were renamed: 'A' → 'A_3'.",
    ]


def test_any_name_is_a_column(load):
    version, rows, _ = load('self,by,"a""b\'c",größe,select\n1,2,3,4,5\n')
    assert names(version) == ["self", "by", "a\"b'c", "größe", "select"]
    assert rows == [(1, 2, 3, 4, 5)]


def test_five_thousand_columns(load):
    line = ",".join(f"c{i}" for i in range(5000))
    version, rows, _ = load(line + "\n" + ",".join(map(str, range(5000))) + "\n")
    assert (len(version.columns), rows[0][4999]) == (5000, 4999)


def test_header_only_has_no_rows_and_says_so(load):
    version, rows, _ = load("a,b\n")
    assert (names(version), rows) == (["a", "b"], [])
    assert version.warnings == ["The source has no rows, only columns."]


def test_no_header(load):
    version, rows, _ = load("1,x\n2,y\n")
    assert (names(version), rows) == (["column_1", "column_2"], [(1, "x"), (2, "y")])
    assert version.warnings == ["The file seems to have no header line; its columns were numbered."]
    version, rows, _ = load("one,two\nthree,four\n", options={"header": "no"})
    assert rows == [("one", "two"), ("three", "four")]


def test_leading_zeros_stay(load):
    assert load("zip\n00123\n04567\n")[1] == [("00123",), ("04567",)]


def test_dates_day_first_say_how_they_were_read(load):
    version, rows, _ = load("d\n25/12/2020\n01/02/2021\n")
    assert [str(row[0]) for row in rows] == ["2020-12-25", "2021-02-01"]
    assert version.parse["date_format"] == "%d/%m/%Y"
    assert version.warnings == ["Dates were read as %d/%m/%Y; check day and month."]


def test_comment_lines_at_the_top(load):
    version, rows, rejected = load("# made by x\n# on a Tuesday\na,b\n1,2\n# inside\n3,4\n")
    assert (names(version), version.parse["skipped_text"]) == (["a", "b"], ["# made by x", "# on a Tuesday"])
    assert (rows, [r[0] for r in rejected]) == (
        [(1, 2), (3, 4)],
        [5],
    )  # a comment between the rows is not dropped unseen


def test_options(load):
    version, rows, _ = load("a|b\n1|NA\n", options={"delimiter": "|", "null": "NA", "types": "text"})
    assert (rows, types(version)) == ([("1", None)], ["string", "string"])
    with pytest.raises(InputError, match="'delimeter' is not known.*did you mean 'delimiter'"):
        load("a,b\n1,2\n", options={"delimeter": ";"})
    with pytest.raises(InputError, match="Say yes or no"):
        load("a,b\n1,2\n", options={"header": "perhaps"})


# encodings ------------------------------------------------------------------------------------------------------------

TABLE = "name,größe\nZoë,1\nŁódź,2\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_encodings_are_found(load, encoding):
    if encoding == "utf-16-le" or encoding == "utf-16-be":
        content = TABLE.encode(encoding)  # no mark: told by its zero bytes
    else:
        content = TABLE.encode(encoding)
    version, rows, _ = load(content)
    assert (names(version), rows) == (["name", "größe"], [("Zoë", 1), ("Łódź", 2)])


def test_western_text_is_guessed_with_a_warning(load):
    version, rows, _ = load("name,größe\nZoë €,1\n".encode("cp1252"))
    assert (names(version), rows) == (["name", "größe"], [("Zoë €", 1)])
    assert "read as cp1252" in version.warnings[0]


def test_western_letters_only_far_down_are_found_too(load):
    content = b"name,n\n" + b"".join(b"plain,%d\n" % i for i in range(400_000)) + "Zoë,1\n".encode("latin-1") + b"x,2\n"
    version, rows, _ = load(content)
    assert (version.rows, rows[-2:], version.rejected) == (400_002, [("Zoë", 1), ("x", 2)], 0)


def test_mixed_encodings_reject_the_odd_lines(load):
    content = "a,b\n1,größe\n2,x\n".encode() + "3,größe\n".encode("latin-1") + b"4,y\n"
    version, rows, rejected = load(content)
    assert rows == [(1, "größe"), (2, "x"), (4, "y")]
    assert [(line, reason) for line, _, reason, _ in rejected] == [(4, "the line is not in the file's encoding")]
    assert version.rejected == 1


def test_an_encoding_that_cannot_be_told_is_asked_for(load):
    content = "名前,年齢\n山、川,20\n".encode("shift_jis")
    with pytest.raises(SourceError, match="its encoding cannot be told.*shift_jis"):
        load(content)
    version, rows, _ = load(content, options={"encoding": "shift_jis"})
    assert (names(version), rows) == (["名前", "年齢"], [("山、川", 20)])
    with pytest.raises(InputError, match="'klingon' is not known"):
        load(content, options={"encoding": "klingon"})


# queries --------------------------------------------------------------------------------------------------------------


def test_query_over_the_source(load):
    _, rows, _ = load("k,v\na,1\nb,2\na,3\n", query="SELECT k, sum(v) AS v FROM source GROUP BY k ORDER BY k")
    assert [(k, int(v)) for k, v in rows] == [("a", 4), ("b", 2)]


def test_query_over_a_source_with_rejected_rows(load):
    version, rows, rejected = load("k,v\na,1\nb\n", query="SELECT k FROM source")
    assert (rows, version.rejected, rejected[0][0]) == ([("a",)], 1, 3)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "SELECT 1 AS a; SELECT 2 AS b",
        "SET enable_external_access = true",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "DROP VIEW source",
        "SELECT nothing FROM source",
        "SELEC",
        "",
    ],
)
def test_queries_reach_nothing_else(load, query):
    with pytest.raises(InputError, match="query"):
        load("a\n1\n", query=query)
