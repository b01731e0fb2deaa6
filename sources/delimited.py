"""CSV, TSV and other text tables, read by DuckDB.

The sniffer proposes delimiter, quote, header and types; every line that does not fit is rejected with its line number
and reason, and kept. A column whose later values do not fit the type that its first values had becomes text, so that no
value is lost; set `on_bad_value=reject` to reject those lines instead.
"""

from __future__ import annotations

import csv
import re
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sources import encoding
from sources.names import clean_names
from sources.queries import over_source
from sources.reading import Imported, Request
from transforms.errors import InputError, SourceError
from workspace.sql import ident, one_value, plain_disk_errors, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OPTIONS = ("delimiter", "quote", "escape", "header", "skip", "encoding", "null", "on_bad_value", "types")
MAX_LINE_BYTES = 8 << 20
BUFFER_BYTES = 16 << 20  # several per thread are in memory; the default would be 16 times the longest line
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ", "none": ""}
_REASONS = {
    "CAST": "a value does not fit the column's type",
    "MISSING COLUMNS": "too few columns",
    "TOO MANY COLUMNS": "too many columns",
    "UNQUOTED VALUE": "a quote is not closed or not doubled",
    "LINE SIZE OVER MAXIMUM": "the line is too long",
    "INVALID ENCODING": "the line is not in the file's encoding",
    "INVALID STATE": "quotes are not as they should be",
}


@dataclass(frozen=True)
class Dialect:
    """How a text table is written."""

    delimiter: str
    quote: str
    escape: str
    header: bool
    skip: int
    names: list[str]
    types: dict[str, str]
    date_format: str = ""
    timestamp_format: str = ""
    null: str = ""
    line_end: str = "\n"


@dataclass(frozen=True)
class Attempt:
    """One way to read the file; a later attempt knows more about it."""

    request: Request
    file: Path
    encoding: str
    dialect: Dialect
    skipped: list[str]
    warnings: list[str] = field(default_factory=list)
    kept_as_text: tuple[str, ...] = ()
    ends_made_equal: bool = False


def read(request: Request) -> Imported:
    """Open a text table."""
    request.only_options(*OPTIONS)
    if request.option("on_bad_value", "text") not in ("text", "reject"):
        raise InputError("The option on_bad_value is not known.", hint="Say text or reject.")
    asked = request.option("encoding")
    found = encoding.Found(encoding.check(asked), True) if asked else encoding.detect(request.file, request.shown)
    return _open(request, found, is_asked=bool(asked))


def _open(request: Request, found: encoding.Found, *, is_asked: bool = False) -> Imported:
    warnings = []
    file = request.file
    if found.name not in ("utf-8", "ascii"):
        file = request.scratch / f"utf8-{uuid.uuid4().hex}.csv"
        bad = encoding.to_utf8(request.file, found.name, file, request.shown, strict=False)
        if bad:
            warnings.append(f"{bad:,} characters could not be read as {found.name} and are shown as \ufffd.")
        if not found.is_sure and not is_asked:
            warnings.append(
                f"The file is not UTF-8; it was read as {found.name}. If letters look wrong, set the option encoding."
            )
    dialect, skipped, more = _sniff(request, file)
    if found.name == "utf-8" and not found.is_sure:
        more.append("Some lines are not UTF-8 although others are; they were rejected.")
    return _attempt(Attempt(request, file, found.name, dialect, skipped, warnings + more))


def _sniff(request: Request, file: Path) -> tuple[Dialect, list[str], list[str]]:
    """Return the dialect, the lines above the table that are left out, and warnings."""
    con, warnings = request.con, []
    forced = _forced(request)
    comments = 0 if "skip" in forced else _leading_comments(file)
    if comments:
        forced["skip"] = str(comments)
    guess = _ask_sniffer(con, file, forced, request.shown)
    quote = guess["Quote"]
    if quote in ("", "(empty)", '"') and "quote" not in forced:
        # One badly quoted line makes the sniffer drop quoting for the whole file. We keep it: that line is rejected.
        escapes = [forced["escape"]] if "escape" in forced else ['"', "\\"]
        for escape in escapes:
            quoted = _sniff_with(con, file, forced | {"delim": guess["Delimiter"], "quote": '"', "escape": escape})
            if isinstance(quoted, dict):
                guess = quoted
                break
    skip = int(forced.get("skip") or guess["SkipRows"])
    columns = guess["Columns"]
    header = bool(guess["HasHeader"])
    quote, escape = _plain(guess["Quote"]), _plain(guess["Escape"])
    head = _first_lines(file, skip + 200)
    if header:
        raw = _header(head[skip:], guess["Delimiter"], quote)
        names, renamed = clean_names(raw if len(raw) == len(columns) else [c["name"] for c in columns])
        warnings += renamed
    else:
        names = [f"column_{place}" for place in range(1, len(columns) + 1)]
        if "header" not in forced:
            warnings.append("The file seems to have no header line; its columns were numbered.")
    types = {name: column["type"] for name, column in zip(names, columns, strict=True)}
    if request.option("types", "auto") not in ("auto", "text"):
        raise InputError("The option types is not known.", hint="Say auto or text.")
    if request.option("types") == "text":
        types = dict.fromkeys(names, "VARCHAR")
    formats = {"date_format": guess["DateFormat"] or "", "timestamp_format": guess["TimestampFormat"] or ""}
    for kind, written in formats.items():
        if written and not written.startswith("%Y"):
            warnings.append(f"{kind.split('_')[0].capitalize()}s were read as {written}; check day and month.")
    if skip:
        warnings.append(
            f"{skip} line{'s' if skip > 1 else ''} before the table {'were' if skip > 1 else 'was'} left out."
        )
    dialect = Dialect(
        guess["Delimiter"],
        quote or '"',
        escape or quote or '"',
        header,
        skip,
        names,
        types,
        **formats,
        null=request.option("null", "") or "",
        line_end=_line_end(file, quote or '"'),
    )
    return dialect, head[:skip][:20], warnings


def _forced(request: Request) -> dict[str, str]:
    """Return the dialect settings that the user gave, under the sniffer's names."""
    forced = {}
    for ours, theirs in (("delimiter", "delim"), ("quote", "quote"), ("escape", "escape")):
        value = request.option(ours)
        if value is None:
            continue
        value = _NAMED.get(value.lower(), value)
        if len(value) > (4 if ours == "delimiter" else 1):
            raise InputError(f"The option {ours} {value!r} is too long.", hint="Give one character.")
        forced[theirs] = value
    header = request.flag("header")
    if header is not None:
        forced["header"] = "true" if header else "false"
    skip = request.option("skip")
    if skip is not None:
        if not skip.isdecimal():
            raise InputError(f"The option skip is {skip!r}.", hint="Give a number of lines.")
        forced["skip"] = skip
    return forced


def _ask_sniffer(con: DuckDBPyConnection, file: Path, forced: dict[str, str], shown: str) -> dict:
    guess = _sniff_with(con, file, forced)
    if isinstance(guess, dict):
        return guess
    raise SourceError(
        f"{shown!r} cannot be read as a table of text: no delimiter and quote fit its lines.",
        hint="Set the options delimiter, quote, header or skip.",
    ) from guess


def _sniff_with(con: DuckDBPyConnection, file: Path, forced: dict[str, str]) -> dict | Exception:
    """Return what DuckDB's sniffer found, asked strictly first; or its error."""
    import duckdb

    settings = "".join(
        f", {name} = {value if name in ('header', 'skip') else text(value)}" for name, value in forced.items()
    )
    problem: Exception = SourceError("no answer")
    for strict in ("true", "false"):
        try:
            found = con.execute(
                f"SELECT * FROM sniff_csv({text(str(file))}, ignore_errors = true, comment = '', "
                f"strict_mode = {strict}, max_line_size = {MAX_LINE_BYTES}{settings})"
            )
            return dict(zip([d[0] for d in found.description], found.fetchall()[0], strict=True))
        except duckdb.Error as error:
            problem = error
    return problem


def _attempt(attempt: Attempt) -> Imported:
    """Return the relation of one attempt, with a `finish` that looks at what was rejected."""
    request, dialect = attempt.request, attempt.dialect
    mark = uuid.uuid4().hex[:12]
    errors, scans = f"reject_errors_{mark}", f"reject_scans_{mark}"
    columns = ", ".join(
        f"{text(name)}: {text('VARCHAR' if name in attempt.kept_as_text else dialect.types[name])}"
        for name in dialect.names
    )
    formats = f", dateformat = {text(dialect.date_format)}" if dialect.date_format else ""
    formats += f", timestampformat = {text(dialect.timestamp_format)}" if dialect.timestamp_format else ""
    # Told the wrong line end, DuckDB may find no row and no error; lenient (strict_mode=false), it cuts long rows short.
    formats += f", new_line = {text(dialect.line_end.encode('unicode_escape').decode())}"
    formats += f", nullstr = {text(dialect.null)}" if dialect.null else ""
    sql = (
        f"SELECT * FROM read_csv({text(str(attempt.file))}, auto_detect = false, columns = {{{columns}}}, "
        f"delim = {text(dialect.delimiter)}, quote = {text(dialect.quote)}, escape = {text(dialect.escape)}, "
        f"header = {str(dialect.header).lower()}, skip = {dialect.skip}, max_line_size = {MAX_LINE_BYTES}, "
        f"buffer_size = {BUFFER_BYTES}, "
        f"store_rejects = true, rejects_table = {text(errors)}, rejects_scan = {text(scans)}, rejects_limit = 0{formats})"
    )
    imported = Imported(over_source(request, sql, [request.file]), _facts(attempt), list(attempt.warnings))
    imported.finish = lambda rows: _finish(attempt, imported, errors, rows)
    imported.recover = lambda error: _recover(attempt, error)
    return imported


def _recover(attempt: Attempt, error: Exception) -> Imported | None:
    """Return an attempt on a copy with equal line ends, where DuckDB met another line end further down."""
    if attempt.ends_made_equal or "state machine reached an invalid state" not in str(error):
        return None
    return _with_equal_line_ends(attempt)


def _with_equal_line_ends(attempt: Attempt) -> Imported:
    copy = attempt.request.scratch / f"lines-{uuid.uuid4().hex}.csv"
    with plain_disk_errors("converting the file"), attempt.file.open("rb") as source, copy.open("wb") as out:
        held = b""  # a return at the end of a chunk: its line feed may follow
        while chunk := source.read(1 << 20):
            chunk = held + chunk
            held = b"\r" if chunk.endswith(b"\r") else b""
            out.write(chunk[: len(chunk) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        out.write(b"\n" if held else b"")
    warnings = [*attempt.warnings, "The file mixes several kinds of line end; all were read as one."]
    dialect = replace(attempt.dialect, line_end="\n")
    return _attempt(replace(attempt, file=copy, dialect=dialect, warnings=warnings, ends_made_equal=True))


def _finish(attempt: Attempt, imported: Imported, errors: str, rows: int) -> Imported | None:
    con, request = attempt.request.con, attempt.request
    kinds = dict(con.execute(f"SELECT error_type::VARCHAR, count(*) FROM {ident(errors)} GROUP BY ALL").fetchall())
    if not kinds:
        lost = rows == 0 and request.query is None and not attempt.ends_made_equal and _has_lines_below(attempt)
        return _with_equal_line_ends(attempt) if lost else None
    guessed = attempt.encoding == "utf-8" and not request.option("encoding")
    if "INVALID ENCODING" in kinds and guessed and encoding.is_single_byte(request.file):
        return _open(request, encoding.Found(encoding.single_byte_of(request.file, request.shown), False))
    if "CAST" in kinds and request.option("on_bad_value", "text") == "text":
        again = _with_text_columns(attempt, errors)
        if again is not None:
            return again
    reasons = " ".join(f"WHEN {text(kind)} THEN {text(said)}" for kind, said in _REASONS.items())
    places = _true_lines(attempt, errors)
    said = (
        f"CASE error_type::VARCHAR {reasons} ELSE lower(error_type::VARCHAR) END "
        "|| CASE WHEN error_type::VARCHAR IN ('MISSING COLUMNS', 'TOO MANY COLUMNS') "
        "THEN regexp_replace(error_message, '.*: ([0-9]+) Found: ([0-9]+)', ': \\2 instead of \\1') "
        "WHEN error_type::VARCHAR = 'CAST' THEN ' (column ' || column_name || ')' ELSE '' END"
    )
    imported.rejects = (
        con.sql(  # in a line with too few or too many fields the types do not fit either: not worth a word
            f"""SELECT any_value(p.line) AS line, first(column_name ORDER BY column_idx) AS column,
            coalesce(string_agg(DISTINCT {said}, '; ') FILTER (error_type <> 'CAST'), string_agg(DISTINCT {said}, '; '))
                AS reason,
            first(csv_line) AS text
        FROM {ident(errors)} e JOIN {ident(places)} p ON e.line_byte_position = p.position
        GROUP BY e.line ORDER BY e.line"""
        )
    )
    imported.rejected = one_value(con, f"SELECT count(DISTINCT line) FROM {ident(errors)}")
    return None


def _true_lines(attempt: Attempt, errors: str) -> str:
    """Register a table (position, line) of the rejects and return its name: DuckDB counts rows, and editors count lines."""
    import pyarrow as pa

    con = attempt.request.con
    query = f"SELECT DISTINCT line_byte_position FROM {ident(errors)} ORDER BY ALL"
    positions = [row[0] for row in con.execute(query).fetchall()]
    lines, line, at = [], 1, 0
    end = b"\r" if attempt.dialect.line_end == "\r" else b"\n"
    with attempt.file.open("rb") as opened:
        for position in positions:
            while at < position:
                chunk = opened.read(min(position - at, 1 << 20))
                if not chunk:
                    break
                line, at = line + chunk.count(end), at + len(chunk)
            lines.append(line)
    name = errors.replace("reject_errors", "reject_lines")
    con.register(name, pa.table({"position": pa.array(positions, pa.uint64()), "line": pa.array(lines, pa.int64())}))
    return name


def _with_text_columns(attempt: Attempt, errors: str) -> Imported | None:
    """Return an attempt where columns with values that do not fit are text; None if all such lines have other faults."""
    con = attempt.request.con
    bad = con.execute(
        f"""SELECT column_name, count(*), arg_min(p.line, e.line), arg_min(error_message, e.line)
        FROM {ident(errors)} e JOIN {ident(_true_lines(attempt, errors))} p ON e.line_byte_position = p.position
        WHERE error_type = 'CAST' AND e.line NOT IN (SELECT line FROM {ident(errors)} WHERE error_type <> 'CAST')
        GROUP BY column_name ORDER BY min(column_idx)"""
    ).fetchall()
    bad = [row for row in bad if row[0] not in attempt.kept_as_text and row[0] in attempt.dialect.types]
    if not bad:
        return None
    warnings = list(attempt.warnings)
    for name, count, line, message in bad[:20]:
        value = re.search(r"string \"(.*?)\" to", message or "", re.DOTALL)
        seen = f", first in line {line}" + (f" ({value.group(1)[:40]!r})" if value else "")
        kind = _KINDS.get(attempt.dialect.types[name], attempt.dialect.types[name].lower())
        warnings.append(
            f"Column {name!r} was kept as text: {count:,} value{'s are' if count > 1 else ' is'} no {kind}{seen}."
        )
    if len(bad) > 20:
        warnings.append(f"{len(bad) - 20} more columns were kept as text.")
    kept = (*attempt.kept_as_text, *(row[0] for row in bad))
    return _attempt(replace(attempt, kept_as_text=kept, warnings=warnings))


_KINDS = {
    "BIGINT": "whole number",
    "DOUBLE": "number",
    "DATE": "date",
    "TIMESTAMP": "time stamp",
    "TIMESTAMP WITH TIME ZONE": "time stamp",
    "TIME": "time of day",
    "BOOLEAN": "yes or no",
}


def _facts(attempt: Attempt) -> dict:
    dialect = attempt.dialect
    facts = {
        "format": "csv",
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "header": dialect.header,
        "skipped_lines": dialect.skip,
        "line_end": {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[dialect.line_end]
        if not attempt.ends_made_equal
        else "mixed",
        "encoding": attempt.encoding,
        "bytes": attempt.request.file.stat().st_size,
        "types": {n: "VARCHAR" if n in attempt.kept_as_text else t for n, t in dialect.types.items()},
    }
    if dialect.date_format:
        facts["date_format"] = dialect.date_format
    if dialect.timestamp_format:
        facts["timestamp_format"] = dialect.timestamp_format
    if attempt.skipped:
        facts["skipped_text"] = [line[:200] for line in attempt.skipped]
    return facts


def _leading_comments(file: Path) -> int:
    """Return how many lines at the top begin with `#` and are no header (a header has as many fields as its next line)."""
    lines = _first_lines(file, 200)
    count = 0
    while count < len(lines) and lines[count].startswith("#"):
        count += 1
    if not count or count >= len(lines):
        return 0
    last, following = lines[count - 1], lines[count]
    same = any(last.count(mark) == following.count(mark) > 0 for mark in ("\t", ",", ";", "|"))
    return count - 1 if same else count


def _line_end(file: Path, quote: str) -> str:
    """Return the line end of the file's first line: the first one that is not between quotes."""
    with file.open("rb") as opened:
        head = opened.read(4 << 20)
    open_quote, mark = False, quote.encode()
    for part in re.split(rb"(\r\n|\r|\n)", head):
        if part in (b"\r\n", b"\r", b"\n") and not open_quote:
            return part.decode()
        open_quote ^= part.count(mark) % 2 == 1
    return "\n"


def _has_lines_below(attempt: Attempt) -> bool:
    """Return whether the file has text below the lines that make up its header."""
    lines = _first_lines(attempt.file, attempt.dialect.skip + 1_000)[attempt.dialect.skip :]
    in_header = max((name.count("\n") for name in attempt.dialect.names), default=0) + attempt.dialect.header
    return any(line.strip() for line in lines[in_header + sum(name.count("\n") for name in attempt.dialect.names) :])


def _first_lines(file: Path, most: int) -> list[str]:
    with file.open("rb") as opened:
        lines = opened.read(8 << 20).removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace").splitlines()
    return lines[:most]


def _header(lines: list[str], delimiter: str, quote: str) -> list[str]:
    """Return the names in the header as they stand there."""
    if len(delimiter) != 1:
        return lines[0].split(delimiter) if lines else []
    csv.field_size_limit(MAX_LINE_BYTES)
    try:
        rows = csv.reader(
            (line + "\n" for line in lines), delimiter=delimiter, quotechar=quote or '"', skipinitialspace=True
        )
        return next((row for row in rows if row), [])
    except csv.Error:
        return []


def _plain(value: str | None) -> str:
    return "" if value in (None, "(empty)") else value
