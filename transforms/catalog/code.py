"""Own code: formulas, a SELECT over the recipe's inputs, and Python of rows or of the table (off unless allowed)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import ibis
import ibis.expr.datatypes as dt
from pydantic import AfterValidator, PrivateAttr

from transforms import formula, own_python, own_sql
from transforms import schema as types
from transforms.errors import FitError, ParamError
from transforms.fields import Columns, NewColumn, param
from transforms.functions import EACH_ROW, VALUES
from transforms.transform import CombiningTransform, Example, Transform, register


def _readable(check):
    """Return a validator that refuses what `check` cannot read, and changes nothing."""

    def validate(text: str) -> str:
        check(text)
        return text

    return AfterValidator(validate)


Expression = Annotated[str, _readable(formula.parsed)]
Query = Annotated[str, _readable(own_sql.checked)]
RowCode = Annotated[str, _readable(own_python.defined)]
TableCode = Annotated[str, _readable(own_python.parse)]


class ByFormula(Transform):
    _helpers: list = PrivateAttr(default_factory=list)  # what the lines that `pandas` wrote need
    expression: Expression = param(
        "Formula", help="Such as price * 1.19, if(city = 'Bonn', 1, 0), upper(\"last name\"). Text stands in single quotes."
    )  # fmt: skip

    def check_columns(self, schema):
        super().check_columns(schema)
        formula.build(self.expression, ibis.table(schema, name="t"))

    @classmethod
    def with_other_names(cls, settings, renamed) -> dict[str, Any]:
        """Return the settings for columns under other names."""
        return {**settings, "expression": formula.with_other_names(settings["expression"], renamed)}

    @property
    def pandas_helpers(self):
        return tuple(self._helpers)


@register
class FormulaColumn(ByFormula):
    """Make a column from a formula in SQL or spreadsheet words.

    Operators (+ - * / % ^ || = <> < <= > >= AND OR NOT IN BETWEEN LIKE IS NULL), IF, CASE, CAST and about 80 functions. A missing
    value makes the result missing, as in SQL. Arithmetic gives float64; dividing by zero gives a missing value. Columns: a new
    one is added; one of that name is replaced.
    """

    name: ClassVar = "code.expression"
    label: ClassVar = "Formula"
    covers: ClassVar = ("formula_column",)
    differences: ClassVar = {"spark_edges": "never: ß becomes SS in Java and ẞ in DuckDB; other letters agree."}
    words: ClassVar = (
        "custom formula",
        "expression",
        "calculated column",
        "eval",
        "add column",
        "expr",
        "derive",
        "computed",
    )
    examples: ClassVar = (
        Example({"expression": "0.5 * a + if(t = 'x', 10, 0)", "to": "r"}, before={"a": [1, 2, None], "t": ["x", None, "x"]}, after={"a": [1, 2, None], "t": ["x", None, "x"], "r": [10.5, 1.0, None]}),
        Example({"expression": "=upper(trim(t)) & '-' & a", "to": "t"}, before={"a": [1, None], "t": [" b ", "c"]}, after={"a": [1, None], "t": ["B-1", None]}),
        Example({"expression": "case when a >= 2 and not b then 'big' when a is null then 'none' else 'small' end", "to": "r"}, before={"a": [1.0, 2.0, None, 3.0], "b": [False, False, True, True]},
                after={"a": [1.0, 2.0, None, 3.0], "b": [False, False, True, True], "r": ["small", "big", "none", "small"]}),
        Example({"expression": "coalesce(a, b) / nullif(b, 0)", "to": "r"}, before={"a": [6, None, 1], "b": [3.0, 4.0, 0.0]}, after={"a": [6, None, 1], "b": [3.0, 4.0, 0.0], "r": [2.0, 1.0, None]}),
        Example({"expression": "year(d) * 100 + month(d)", "to": "r"}, before={"d": ["2024-02-29T10:00:00", None]}, after={"d": ["2024-02-29T10:00:00", None], "r": [202402.0, None]}, types={"d": "timestamp"}),
        Example({"expression": "a in (1, 3) or t like 'x%'", "to": "r"}, before={"a": [1, 2, 2, None], "t": ["a", "xy", None, "b"]}, after={"a": [1, 2, 2, None], "t": ["a", "xy", None, "b"], "r": [True, True, None, None]}),
    )  # fmt: skip

    to: NewColumn = param("Column", help="A column of this name is replaced.")

    def apply(self, table, state):
        built, found = formula.build(self.expression, table)
        made = built.table.mutate(built.table[found].name(self.to))
        return made.select([*built.first, *([] if self.to in built.first else [self.to])])

    def pandas(self, df, state, schema):
        built, found = formula.build(self.expression, ibis.table(schema, name="t"), df)
        spare = [c for c in built.table.columns if c not in built.first]
        self._helpers = built.helpers
        return [*built.lines, f"{df}[{self.to!r}] = {df}[{found!r}]", *_dropped(df, spare, keep=self.to)]


@register
class FilterByFormula(ByFormula):
    """Keep (or drop) the rows for which a formula is true; where it is missing, the formula does not hold."""

    name: ClassVar = "code.filter_rows"
    label: ClassVar = "Filter rows by a formula"
    covers: ClassVar = ("filter_by_formula",)
    words: ClassVar = ("where", "query", "custom filter", "condition", "expression")
    examples: ClassVar = (
        Example({"expression": "a > b or t is null"}, before={"a": [1, 3, None, 0], "b": [2, 2, 2, 1], "t": ["x", "y", "z", None]}, after={"a": [3, 0], "b": [2, 1], "t": ["y", None]}),
        Example({"expression": "length(t) between 2 and 3", "action": "drop"}, before={"t": ["a", "ab", None, "abcd"]}, after={"t": ["a", None, "abcd"]}),
    )  # fmt: skip

    action: Literal["keep", "drop"] = param("Rows for which it is true", default="keep")

    def _tested(self, table, df="df"):
        built, found = formula.build(self.expression, table, df)
        return built, built.truth(formula.Fixed(None) if found is None else found, "a filter")

    def check_columns(self, schema):
        super().check_columns(schema)
        self._tested(ibis.table(schema, name="t"))

    def apply(self, table, state):
        built, found = self._tested(table)
        test = built.table[found].fill_null(False)
        return built.table.filter(test if self.action == "keep" else ~test).select(built.first)

    def pandas(self, df, state, schema):
        built, found = self._tested(ibis.table(schema, name="t"), df)
        self._helpers = built.helpers
        spare = [c for c in built.table.columns if c not in built.first]
        test = f"{df}[{found!r}].fillna(False).astype(bool)"
        return [*built.lines, f"{df} = {df}[{test if self.action == 'keep' else '~' + test}]", *_dropped(df, spare)]


def _dropped(df: str, spare: list[str], keep: str = "") -> list[str]:
    spare = [c for c in spare if c != keep]
    return [f"{df} = {df}.drop(columns={spare!r})"] if spare else []


@register
class Sql(CombiningTransform):
    """Replace the table by the rows of one SELECT in DuckDB's SQL over `main` (this table) and the recipe's other inputs.

    The query can read nothing else: no file, no setting, no function that is not pure. Name calculated columns with AS. Whole numbers
    come out as int64, other numbers as float64. For one record the step cannot run: a query may look at other rows.
    """

    name: ClassVar = "code.sql"
    label: ClassVar = "SQL query"
    serving: ClassVar = "batch"
    covers: ClassVar = ("sql_select",)
    words: ClassVar = ("SELECT", "custom SQL", "PySpark SQL", "query", "SQL step")
    differences: ClassVar = {
        "pandas_export": "never: exported pandas code needs pandas only, and pandas runs no SQL; export SQL."
    }
    examples: ClassVar = (
        Example({"query": "SELECT t, sum(a) AS total, count(*) AS n FROM main GROUP BY t"}, before={"t": ["x", "y", "x"], "a": [1, None, 2]}, after={"t": ["x", "y"], "total": [3.0, None], "n": [2, 1]}, after_types={"total": "float64"}),
        Example({"query": "WITH m AS (SELECT *, row_number() OVER (PARTITION BY t ORDER BY a) AS place FROM main) SELECT * EXCLUDE (place) FROM m WHERE place = 1"},
                before={"t": ["x", "x", "y"], "a": [2, 1, 3]}, after={"t": ["x", "y"], "a": [1, 3]}),
        Example({"query": "SELECT m.a, o.w FROM main AS m LEFT JOIN prices AS o USING (t)"}, before={"t": ["x", "y", None], "a": [1, 2, 3]}, others={"prices": {"t": ["x"], "w": [0.5]}}, after={"a": [1, 2, 3], "w": [0.5, None, None]}),
    )  # fmt: skip

    query: Query = param("Query", help="One SELECT. This table is called main; other inputs have their own names.")

    def needs_inputs(self):
        return tuple(n for n in own_sql.tables_of(self.query) if n != "main")

    @classmethod
    def with_other_names(cls, settings, renamed) -> dict[str, Any]:
        """Return the settings for columns under other names."""
        return {**settings, "query": own_sql.with_other_names(settings["query"], renamed)}

    def apply(self, table, state, others):
        return own_sql.selected(self.query, {**others, "main": table})


KINDS = {"number": "float64", "whole number": "int64", "text": "string", "true/false": "boolean"}
PYTHON_ONLY_HERE = {"spark": "not_yet: Python steps run in a guarded process of this machine, not on a cluster."}


@register
class PythonRows(Transform):
    """Make a column with a Python function of one row. Runs only where TILTH_ALLOW_PYTHON=1.

    The code defines a function; it is called with the chosen columns' values in order, missing ones as None. It runs in a separate process
    without environment, file writing or your workspace's secrets, with a bound on memory and time; it must be pure. Exports carry it.
    """

    name: ClassVar = "code.python_rows"
    label: ClassVar = "Python function of a row"
    serving: ClassVar = "batch"
    covers: ClassVar = ("python_row_function",)
    words: ClassVar = ("custom function", "apply", "lambda", "UDF", "Jython", "custom transform")
    differences: ClassVar = PYTHON_ONLY_HERE
    examples: ClassVar = (
        Example({"columns": ["a", "t"], "code": "def value(number, text):\n    return None if number is None else number + len(text or '')", "to": "r"}, before={"a": [1, 2, None], "t": ["xy", None, "z"]}, after={"a": [1, 2, None], "t": ["xy", None, "z"], "r": [3.0, 2.0, None]}),
        Example({"columns": ["t"], "code": "import re\n\ndef vowels(text):\n    return ''.join(re.findall('[aeiou]', text or ''))", "result": "text", "to": "r"}, before={"t": ["hello", None]}, after={"t": ["hello", None], "r": ["eo", ""]}),
    )  # fmt: skip

    columns: Columns = param("Arguments", help="Columns whose values the function gets, in this order.")
    code: RowCode = param("Python", help="Defines a function, such as def value(x): return x * 2.")
    result: Literal["number", "whole number", "text", "true/false"] = param("It gives", default="number")
    to: NewColumn = param("New column")

    def apply(self, table, state):
        own_python.need_permission()
        inputs = tuple(types.to_name(table[c].type()) for c in self.columns)
        function = own_python.OfRows(self.code, self.result, inputs, KINDS[self.result])
        return table.mutate(function(*[table[c] for c in self.columns]).name(self.to))

    @property
    def pandas_helpers(self):
        return (own_python.row_source(self.code, self.result)[0], VALUES, EACH_ROW)

    def pandas(self, df, state, schema):
        name = own_python.row_source(self.code, self.result)[1]
        given = ", ".join(f"{df}[{c!r}]" for c in self.columns)
        return [f"{df}[{self.to!r}] = each_row({name}(), {types.PANDAS[KINDS[self.result]]!r}, {given})"]


SAMPLE = 1000


@register
class PythonTable(Transform):
    """Change the whole table with pandas code on the variable `df`. Runs only where TILTH_ALLOW_PYTHON=1.

    It runs in a separate process (see the Python function of a row). All rows pass through memory at once, in no certain order. Learns the
    columns and types that come out from the first 1,000 rows; a run that gives others stops. Exports carry the code.
    """

    name: ClassVar = "code.python_table"
    label: ClassVar = "pandas code"
    serving: ClassVar = "batch"
    covers: ClassVar = ("python_table_function",)
    words: ClassVar = ("custom transform", "custom pandas", "script", "DataFrame", "Python code")
    differences: ClassVar = PYTHON_ONLY_HERE
    examples: ClassVar = (
        Example({"code": "df = df.dropna()"}, before={"a": [1, None], "t": ["x", "y"]}, after={"a": [1], "t": ["x"]}),
        Example({"code": "df = df.groupby('t', as_index=False)['a'].sum()\ndf['double'] = df['a'] * 2"}, before={"a": [1, 2, 3], "t": ["x", "y", "x"]}, after={"t": ["x", "y"], "a": [4, 2], "double": [8, 4]}),
    )  # fmt: skip

    code: TableCode = param("Python", help="The table is the pandas DataFrame df; what df is in the end is the result.")

    def fit(self, table):
        own_python.need_permission()
        sample = table.limit(SAMPLE).to_pyarrow()
        made = own_python.call_frame(*own_python.frame_source(self.code), sample)
        columns = {}
        for field in made.schema:
            try:
                columns[field.name] = types.to_name(ibis.dtype(ibis.Schema.from_pyarrow(made.schema)[field.name]))
            except Exception as error:
                raise FitError(f"column {field.name!r} has a type that Tilth does not know: {field.type}.") from error
            if columns[field.name] in ("null", "unknown"):
                columns[field.name] = "string"
        if not columns:
            raise FitError("the code leaves no column.")
        return {"columns": columns}

    def apply(self, table, state):
        own_python.need_permission()
        if not table.columns:
            raise ParamError("the table has no column.")
        rows = table.aggregate(ibis.struct({c: table[c] for c in table.columns}).collect().name("rows"))
        fields = {c: types.from_name(t) for c, t in state["columns"].items()}
        function = own_python.OfTable(self.code, rows["rows"].type(), dt.Array(dt.Struct(fields)))
        made = rows.select(function(rows["rows"]).unnest().name("row"))
        return made.select([made["row"][c].name(c) for c in state["columns"]])

    @property
    def pandas_helpers(self):
        return (own_python.frame_source(self.code)[0],)

    def pandas(self, df, state, schema):
        kinds = {c: types.PANDAS[t] for c, t in state["columns"].items() if t in types.PANDAS}
        name = own_python.frame_source(self.code)[1]
        return [f"{df} = {name}({df}).reset_index(drop=True)[{list(state['columns'])!r}].astype({kinds!r})"]
