"""Reshape: columns into rows and rows into columns."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import ibis
from pydantic import field_validator

from transforms.catalog.common import spare_names
from transforms.catalog.encode import as_text, text_like
from transforms.errors import ColumnNotFound, FitError, ParamError
from transforms.fields import Column, Columns, NewColumn, NumberColumn, OrderableColumn, OrderableColumns, param
from transforms.reading import rows
from transforms.schema import PANDAS, known, to_name
from transforms.transform import Example, Transform, register


@register
class Unpivot(Transform):
    """Turn columns into rows: one row for each chosen column, with its name and its value.

    The values must be of one kind; numbers become float64. The other columns repeat.
    """

    name: ClassVar = "reshape.unpivot"
    label: ClassVar = "Unpivot (columns to rows)"
    serving: ClassVar = "batch"
    covers: ClassVar = ("unpivot_longer", "columns_to_key_value_rows")
    words: ClassVar = ("melt", "UNPIVOT", "wide to long", "gather")
    examples: ClassVar = (
        Example({"columns": ["x", "y"], "name_to": "k", "value_to": "v"}, before={"id": [1, 2], "x": [1, 2], "y": [3.5, None]}, after={"id": [1, 2, 1, 2], "k": ["x", "x", "y", "y"], "v": [1.0, 2.0, 3.5, None]}),
    )  # fmt: skip

    columns: Columns = param("Columns to turn into rows")
    name_to: NewColumn = param("Column for the names", default="name")
    value_to: NewColumn = param("Column for the values", default="value")

    def check_columns(self, schema):
        super().check_columns(schema)
        if not (len({schema[c] for c in self.columns}) == 1 or all(schema[c].is_numeric() for c in self.columns)):
            raise ParamError("the columns have different kinds.", hint="Change their types first.")
        rest = [c for c in schema if c not in self.columns]
        if self.name_to == self.value_to or self.name_to in rest or self.value_to in rest:
            raise ParamError("the new names must differ from each other and from the columns that stay.")

    def apply(self, table, state):
        rest = [c for c in table.columns if c not in self.columns]
        numeric = table.schema()[self.columns[0]].is_numeric()
        parts = [
            table.select(
                [
                    *(table[c] for c in rest),
                    ibis.literal(c).name(self.name_to),
                    (known(table[c]) if numeric else table[c]).name(self.value_to),
                ]
            )
            for c in self.columns
        ]
        return ibis.union(*parts) if len(parts) > 1 else parts[0]

    def pandas(self, df, state, schema):
        rest = [c for c in schema if c not in self.columns]
        numeric = schema[self.columns[0]].is_numeric()
        cast = f".astype({dict.fromkeys(self.columns, 'Float64')!r})" if numeric else ""
        return [
            f"parts = [{df}{cast}[{rest!r} + [c]].set_axis({[*rest, self.value_to]!r}, axis=1) for c in {list(self.columns)!r}]",
            f"names = [pd.Series(c, index={df}.index, dtype='string') for c in {list(self.columns)!r}]",
            f"{df} = pd.concat([part.assign(**{{{self.name_to!r}: n}}) for part, n in zip(parts, names)], ignore_index=True)[{[*rest, self.name_to, self.value_to]!r}]",
        ]


@register
class UnpivotByPattern(Transform):
    """Turn all columns whose name fits a pattern into rows; parts of the names in brackets become columns.

    `sales_([0-9]+)` makes one column for the year and one for the value. With "value columns from group" a group of the pattern
    names the value column instead: `(sales|cost)_([0-9]+)` with group 1 gives the columns sales, cost and the year. The columns
    are found when the step runs, so that sales_2027 is taken along when it appears. Name parts are text; the values must be of
    one kind, numbers become float64. Rows stay even where all values are missing.
    """

    name: ClassVar = "reshape.unpivot_pattern"
    label: ClassVar = "Unpivot by name pattern"
    serving: ClassVar = "batch"
    covers: ClassVar = ("unpivot_by_name_pattern", "wide_series_to_long")
    words: ClassVar = ("wide_to_long", "pivot_longer names_pattern", "melt by regex", "multi-column fold")
    examples: ClassVar = (
        Example({"pattern": "s_([0-9]+)", "names_to": ["year"], "value_to": "v"}, before={"id": [1], "s_2020": [0], "s_2021": [1], "s_2022": [2], "s_2023": [3], "s_2024": [4], "s_2025": [5], "s_2026": [6], "s_2027": [7], "s_2028": [8], "s_2029": [9]}, after={"id": [1] * 10, "year": ["2020", "2021", "2022", "2023", "2024", "2025", "2026", "2027", "2028", "2029"], "v": [float(i) for i in range(10)]}),
        Example({"pattern": "s_([0-9]+)", "names_to": ["year"], "value_to": "v"}, before={"id": [1, 2], "s_2020": [1, 2], "s_2021": [3.5, None]}, after={"id": [1, 2, 1, 2], "year": ["2020", "2020", "2021", "2021"], "v": [1.0, 2.0, 3.5, None]}),
        Example({"pattern": "(s|c)_([0-9]+)", "names_to": ["year"], "value_group": 1}, before={"id": ["a"], "s_20": ["p"], "c_20": ["q"], "s_21": ["r"]}, after={"id": ["a", "a"], "year": ["20", "21"], "s": ["p", "r"], "c": ["q", None]}),
    )  # fmt: skip

    pattern: str = param("Pattern of the names", min_length=1, help="The whole name must fit; brackets mark parts.")
    names_to: tuple[str, ...] = param("Columns for the parts of the names", min_length=1)
    value_to: NewColumn = param("Column for the values", default="value")
    value_group: int = param("Value columns from group", default=0, ge=0, help="0: all values in one column.")

    @field_validator("pattern")
    @classmethod
    def _readable(cls, pattern):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no pattern: {error}") from error
        return pattern

    def _parts(self, schema) -> dict[str, tuple[tuple[str, ...], str]]:
        """Return {column: (parts of its name, value column)}."""
        found = {}
        for c in schema:
            if match := re.fullmatch(self.pattern, c):
                groups = [g or "" for g in match.groups()]
                value = groups.pop(self.value_group - 1) if self.value_group else self.value_to
                found[c] = (tuple(groups), value)
        return found

    def check_columns(self, schema):
        super().check_columns(schema)
        groups = re.compile(self.pattern).groups
        if groups - bool(self.value_group) != len(self.names_to) or self.value_group > groups:
            raise ParamError(f"the pattern has {groups} groups, which does not fit {len(self.names_to)} names.", hint="Put brackets around each part of the name.")  # fmt: skip
        found = self._parts(schema)
        if not found:
            raise ParamError(f"no column name fits {self.pattern!r}.")
        for value in {v for _, v in found.values()}:
            kinds = {schema[c] for c, (_, v) in found.items() if v == value}
            if len(kinds) > 1 and not all(k.is_numeric() for k in kinds):
                raise ParamError("the columns have different kinds.", hint="Change their types first.")
        names = [*(c for c in schema if c not in found), *self.names_to, *dict.fromkeys(v for _, v in found.values())]
        if twice := [n for n in names if names.count(n) > 1]:
            raise ParamError(f"the name {twice[0]!r} would be used twice.")

    def _rows(self, schema):
        """Return (value columns with their types, {name parts: {value column: column}})."""
        parts: dict = {}
        kinds: dict = {}
        for c, (names, value) in self._parts(schema).items():
            parts.setdefault(names, {})[value] = c
            kinds[value] = ibis.dtype("float64") if schema[c].is_numeric() else schema[c]
        return kinds, parts

    def apply(self, table, state):
        schema = table.schema()
        kinds, parts = self._rows(schema)
        rest = [c for c in table.columns if c not in self._parts(schema)]
        made = []
        for names, columns in parts.items():
            values = [
                (known(table[columns[v]]) if k.is_floating() else table[columns[v]]) if v in columns else ibis.null(k)
                for v, k in kinds.items()
            ]
            told = [ibis.literal(n).name(to) for n, to in zip(names, self.names_to, strict=True)]
            made.append(table.select([*(table[c] for c in rest), *told, *(x.name(v) for x, v in zip(values, kinds, strict=True))]))  # fmt: skip
        return ibis.union(*made) if len(made) > 1 else made[0]

    def pandas(self, df, state, schema):
        kinds, parts = self._rows(schema)
        rest = [c for c in schema if c not in self._parts(schema)]
        types = {v: PANDAS.get(to_name(k), "object") for v, k in kinds.items()}
        told = [(dict(zip(self.names_to, names, strict=True)), columns) for names, columns in parts.items()]
        return [
            "parts = []",
            f"for names, columns in {told!r}:",
            f"    part = {df}[{rest!r}].copy()",
            "    for name, text in names.items():",
            "        part[name] = pd.Series(text, index=part.index, dtype='string')",
            f"    for name, kind in {types!r}.items():",
            f"        part[name] = {df}[columns[name]].astype(kind) if name in columns else pd.Series(index=part.index, dtype=kind)",
            "    parts.append(part)",
            f"{df} = pd.concat(parts, ignore_index=True)",
        ]


@register
class Pivot(Transform):
    """Turn the values of one column into columns, with a statistic of another in the cells.

    Rows: one per combination of the row columns. The new columns are those seen in training, in alphabetical order, so
    later data give the same columns; a value that is new later is left out, or gathered in a column `other`. An empty cell is
    missing. Any kind of value can be counted or have its smallest or greatest taken (key and value rows become records so).
    """

    name: ClassVar = "reshape.pivot"
    label: ClassVar = "Pivot (rows to columns)"
    serving: ClassVar = "batch"
    covers: ClassVar = ("pivot_wider", "key_value_to_columns")
    words: ClassVar = ("PIVOT", "crosstab", "long to wide", "spread", "columnize by key/value", "unfold")
    examples: ClassVar = (
        Example({"rows_by": ["g"], "column": "k", "value": "v"}, before={"g": ["a", "a", "b"], "k": ["x", "y", "x"], "v": [1.0, 2.0, 3.0]}, after={"g": ["a", "b"], "x": [1.0, 3.0], "y": [2.0, None]}),
        Example({"rows_by": ["g"], "column": "k", "value": "v", "statistic": "count", "prefix": "n_"}, before={"g": ["a", "a"], "k": ["x", "x"], "v": [1, None]}, after={"g": ["a"], "n_x": [1.0]}),
        Example({"rows_by": ["g"], "column": "k", "value": "v", "new_values": "gather in one column"}, train={"g": ["a"], "k": ["x"], "v": [1]}, before={"g": ["a", "a", "a", "b"], "k": ["x", "new", "newer", None], "v": [1, 2, 4, 8]}, after={"g": ["a", "b"], "x": [1.0, None], "other": [6.0, None]}),
        Example({"rows_by": ["id"], "column": "k", "value": "v", "statistic": "max"}, before={"id": [1, 1, 2], "k": ["city", "name", "name"], "v": ["Rome", "Ada", "Bob"]}, after={"id": [1, 2], "city": ["Rome", None], "name": ["Ada", "Bob"]}),
    )  # fmt: skip

    rows_by: Columns = param("Rows by")
    column: Column = param("Columns from the values of")
    value: Column = param("Values from")
    statistic: Literal["sum", "mean", "min", "max", "count"] = param("Statistic", default="sum")
    prefix: str = param("New columns start with", default="")
    new_values: Literal["leave out", "gather in one column"] = param("Values that are new later", default="leave out")

    def check_columns(self, schema):
        super().check_columns(schema)
        text_like(schema, [self.column])
        if self.column in self.rows_by:
            raise ParamError(f"column {self.column!r} cannot give both rows and columns.")
        if self.statistic in ("sum", "mean") and not schema[self.value].is_numeric():
            raise ParamError(f"{self.statistic!r} needs a number, but column {self.value!r} is {schema[self.value]}.")

    def open_prefixes(self):
        return (self.prefix,)

    def fit(self, table):
        text = table[self.column].cast("string")
        found = sorted(r["v"] for r in rows(table.filter(text.notnull()).select(text.name("v")).distinct().limit(1001)))
        if len(found) > 1000:
            raise FitError(f"column {self.column!r} has more than 1,000 values.", hint="Group rare values first.")
        if clash := [v for v in found if self.prefix + v in self.rows_by]:
            raise FitError(f"the new column {self.prefix + clash[0]!r} would meet a row column.", hint="Give a prefix.")
        if self.new_values != "leave out" and "other" in found:
            raise FitError(f"column {self.column!r} has the value 'other' itself.", hint="Replace it first.")
        return {"values": found}

    def apply(self, table, state):
        text, x = table[self.column].cast("string"), table[self.value]
        x = known(x) if x.type().is_numeric() else x
        chosen = {v: text == v for v in state["values"]}
        if self.new_values != "leave out":
            chosen["other"] = text.notin(state["values"]) if state["values"] else text.notnull()
        cells = []
        for v, test in chosen.items():
            cell = getattr(test.ifelse(x, ibis.null(x.type())), self.statistic)()
            cells.append((cell.cast("float64") if cell.type().is_numeric() else cell).name(self.prefix + v))
        grouped = table.group_by([table[c] for c in self.rows_by])
        return grouped.aggregate(cells) if cells else table.select([table[c] for c in self.rows_by]).distinct()

    def pandas(self, df, state, schema):
        from transforms.catalog.group import _types

        how = {"sum": "sum(min_count=1)"}.get(self.statistic, f"{self.statistic}()")
        names = {v: self.prefix + v for v in state["values"]}
        numeric = schema[self.value].is_numeric()
        cast = _types(self.rows_by, schema)
        kind = "Float64" if numeric or self.statistic == "count" else PANDAS.get(to_name(schema[self.value]), "object")
        chosen = [f"cells = {{name: (text == value).fillna(False) for value, name in {names!r}.items()}}"]
        if self.new_values != "leave out":
            chosen.append(f"cells[{self.prefix + 'other'!r}] = text.notna() & ~text.isin({state['values']!r})")
        return [
            f"text, x = {as_text(f'{df}[{self.column!r}]', schema[self.column])}, {df}[{self.value!r}]{'.astype(' + repr('Float64') + ')' if numeric else ''}",
            f"keys = [{df}[c] for c in {list(self.rows_by)!r}]",
            *chosen,
            f"cells = {{name: x.where(c).groupby(keys, dropna=False, sort=False).{how}.astype({kind!r}) for name, c in cells.items()}}",
            f"{df} = pd.DataFrame(cells).reset_index().astype({cast!r})"
            if names or self.new_values != "leave out"
            else f"{df} = {df}[{list(self.rows_by)!r}].drop_duplicates()",
        ]


@register
class Crosstab(Transform):
    """Count the rows for each pair of values of two columns, or sum a number; totals and shares if you like.

    Rows: one per value of the first column (missing ones too). Columns: one per value of the second seen in training, in
    alphabetical order; new ones later are left out. Pairs that do not occur give 0. Shares are of the row or of everything counted.
    """

    name: ClassVar = "reshape.crosstab"
    label: ClassVar = "Cross table"
    serving: ClassVar = "batch"
    covers: ClassVar = ("crosstab",)
    words: ClassVar = ("contingency table", "two way table", "pd.crosstab", "frequency table")
    examples: ClassVar = (
        Example({"rows_by": "a", "column": "b"}, before={"a": ["p", "p", None], "b": ["x", "y", "x"]}, after={"a": ["p", None], "x": [1.0, 1.0], "y": [1.0, 0.0]}),
        Example({"rows_by": "a", "column": "b", "value": "v", "total_to": "all", "shares": "of the row"}, before={"a": ["p", "p", "q"], "b": ["x", "y", "x"], "v": [1, 3, None]}, after={"a": ["p", "q"], "x": [0.25, None], "y": [0.75, None], "all": [1.0, None]}),
        Example({"rows_by": "a", "column": "b", "shares": "of everything"}, before={"a": ["p", "q"], "b": ["x", "x"]}, after={"a": ["p", "q"], "x": [0.5, 0.5]}),
    )  # fmt: skip

    rows_by: Column = param("Rows by")
    column: Column = param("Columns from the values of")
    value: NumberColumn | None = param("Sum of", default=None, help="None: count rows.")
    total_to: str = param("Column for the total", default="", help="Empty: none.")
    shares: Literal["none", "of the row", "of everything"] = param("Shares", default="none")

    def _pivot(self):
        return Pivot(rows_by=(self.rows_by,), column=self.column, value=self.rows_by, statistic="count")

    def check_columns(self, schema):
        super().check_columns(schema)
        if self.value and self.value not in schema:
            raise ColumnNotFound.of(self.value, schema)
        self._pivot().check_columns(schema)

    def open_prefixes(self):
        return ("",)

    def fit(self, table):
        return self._pivot().fit(table)

    def apply(self, table, state):
        text = table[self.column].cast("string")
        x = known(table[self.value]).fill_null(0.0) if self.value else ibis.literal(1.0)
        cells = [(text == v).fill_null(False).ifelse(x, 0.0).sum().name(v) for v in state["values"]]
        if not cells:
            return table.select(table[self.rows_by]).distinct()
        found = table.group_by(table[self.rows_by]).aggregate(cells)
        total = found[state["values"][0]]
        for v in state["values"][1:]:
            total = total + found[v]
        spare, = spare_names(found, 1)  # fmt: skip
        found = found.mutate(total.name(spare))
        by = found[spare] if self.shares == "of the row" else found[spare].sum().over(ibis.window())
        made = [*state["values"], *([self.total_to] if self.total_to else [])]
        values = [found[v] for v in state["values"]] + ([found[spare]] if self.total_to else [])
        values = values if self.shares == "none" else [v / by.nullif(0.0) for v in values]
        return found.select([found[self.rows_by], *(v.name(n) for v, n in zip(values, made, strict=True))])

    def pandas(self, df, state, schema):
        from transforms.catalog.group import _types

        if not state["values"]:
            return [f"{df} = {df}[[{self.rows_by!r}]].drop_duplicates()"]
        x = (
            f"{df}[{self.value!r}].astype('Float64').fillna(0.0)"
            if self.value
            else f"pd.Series(1.0, index={df}.index, dtype='Float64')"
        )
        by = "total" if self.shares == "of the row" else "total.sum()"
        total = [f"table[{self.total_to!r}] = total"] if self.total_to else []
        share = (
            []
            if self.shares == "none"
            else [
                f"by = {by}",
                "table = table.div(by.mask(by == 0), axis=0)"
                if self.shares == "of the row"
                else "table = table / (by or np.nan)",
            ]
        )
        return [
            f"text, x = {as_text(f'{df}[{self.column!r}]', schema[self.column])}, {x}",
            f"keys = [{df}[{self.rows_by!r}]]",
            f"table = pd.DataFrame({{v: x.where((text == v).fillna(False), 0.0).groupby(keys, dropna=False, sort=False).sum() for v in {state['values']!r}}})",
            "total = table.sum(axis=1)",
            *total,
            *share,
            f"{df} = table.astype('Float64').reset_index().astype({_types([self.rows_by], schema)!r})",
        ]  # fmt: skip


@register
class Transpose(Transform):
    """Exchange rows and columns: each value of one column becomes a column, each other column a row.

    The header values are learnt in training (at most 1,000, alphabetical order); later ones are left out. Cells are float64
    where all other columns are numbers, else text. Of several rows with one header value the greatest cell counts.
    """

    name: ClassVar = "reshape.transpose"
    label: ClassVar = "Transpose"
    serving: ClassVar = "batch"
    covers: ClassVar = ("transpose_table",)
    words: ClassVar = ("transpose", "rows to columns", "flip table", "T")
    examples: ClassVar = (
        Example({"header": "k"}, before={"k": ["x", "y"], "a": [1, 2], "b": [3.5, None]}, after={"column": ["a", "b"], "x": [1.0, 3.5], "y": [2.0, None]}),
        Example({"header": "k", "name_to": "field"}, before={"k": ["x", None], "t": ["p", "q"], "n": [3, 4]}, after={"field": ["t", "n"], "x": ["p", "3"]}),
    )  # fmt: skip

    header: Column = param("Column with the new names")
    name_to: NewColumn = param("Column for the old names", default="column")

    def check_columns(self, schema):
        super().check_columns(schema)
        rest = [c for c in schema if c != self.header]
        if not rest:
            raise ParamError("there is no other column.")
        text_like(schema, [self.header])
        if not all(schema[c].is_numeric() and not schema[c].is_boolean() for c in rest):
            text_like(schema, rest)

    def open_prefixes(self):
        return ("",)

    def fit(self, table):
        text = table[self.header].cast("string")
        values = sorted(
            r["v"] for r in rows(table.filter(text.notnull()).select(text.name("v")).distinct().limit(1001))
        )
        if len(values) > 1000:
            raise FitError(f"column {self.header!r} has more than 1,000 values.", hint="Filter the rows first.")
        if self.name_to in values:
            raise FitError(f"the new column {self.name_to!r} is a value too.", hint="Choose another name.")
        return {"values": values}

    def _numeric(self, schema) -> bool:
        return all(schema[c].is_numeric() and not schema[c].is_boolean() for c in schema if c != self.header)

    def apply(self, table, state):
        text, numeric, parts = table[self.header].cast("string"), self._numeric(table.schema()), []
        for c in table.columns:
            if c == self.header:
                continue
            x = known(table[c]) if numeric else table[c].cast("string")
            cells = [(text == v).ifelse(x, ibis.null(x.type())).max().name(v) for v in state["values"]]
            one = table.aggregate([*cells, ibis._.count().name("__n")])
            parts.append(one.select([ibis.literal(c).name(self.name_to), *(one[v] for v in state["values"])]))
        return ibis.union(*parts) if len(parts) > 1 else parts[0]

    def pandas(self, df, state, schema):
        rest = [c for c in schema if c != self.header]
        cells = {
            c: (f"{df}[{c!r}].astype('Float64')" if self._numeric(schema) else as_text(f"{df}[{c!r}]", schema[c]))
            for c in rest
        }
        kind = "Float64" if self._numeric(schema) else "string"
        parts = ", ".join(f"({c!r}, {code})" for c, code in cells.items())
        return [
            f"text = {as_text(f'{df}[{self.header!r}]', schema[self.header])}",
            "greatest = lambda v: v.dropna().max() if v.notna().any() else pd.NA",
            f"lines = [[c, *(greatest(x[(text == v).fillna(False).astype(bool)]) for v in {state['values']!r})] for c, x in [{parts}]]",
            f"{df} = pd.DataFrame(lines, columns={[self.name_to, *state['values']]!r}).astype({{{self.name_to!r}: 'string', **dict.fromkeys({state['values']!r}, {kind!r})}})",
        ]  # fmt: skip


@register
class EveryNRows(Transform):
    """Make one record of every n rows, in an order: columns `a_1`, `a_2` … hold the values of the first, second … row.

    A last record with fewer rows has missing values. The order column is not carried along unless it is chosen.
    """

    name: ClassVar = "reshape.every_n_rows"
    label: ClassVar = "Every n rows to one record"
    serving: ClassVar = "batch"
    covers: ClassVar = ("rows_to_columns_every_n",)
    words: ClassVar = ("columnize every n rows", "line records", "reshape rows")
    examples: ClassVar = (
        Example({"columns": ["v"], "order_by": "i", "n": 2}, before={"i": [1, 2, 3], "v": ["name", "city", None]}, after={"record": [1, 2], "v_1": ["name", None], "v_2": ["city", None]}),
    )  # fmt: skip

    columns: OrderableColumns = param("Columns")
    order_by: OrderableColumn = param("In the order of")
    n: int = param("Rows per record", default=2, ge=2, le=200)
    number_to: NewColumn = param("Column for the record number", default="record")

    def _made(self):
        return {f"{c}_{i + 1}": (c, i) for c in self.columns for i in range(self.n)}

    def _keys(self, schema):
        from transforms.catalog.rows import _sortable

        return [self.order_by, *(c for c in schema if c != self.order_by and _sortable(schema[c]))]

    def apply(self, table, state):
        spare, = spare_names(table, 1)  # fmt: skip
        order = [table[c].asc(nulls_first=False) for c in self._keys(table.schema())]
        table = table.mutate(ibis.row_number().over(ibis.window(order_by=order)).name(spare))
        record = ((table[spare] // self.n).cast("int64") + 1).name(self.number_to)
        cells = [(table[spare] % self.n == i).ifelse(table[c], ibis.null(table[c].type())).max().name(name) for name, (c, i) in self._made().items()]  # fmt: skip
        return table.group_by(record).aggregate(cells)

    def pandas(self, df, state, schema):
        kinds = {name: PANDAS.get(to_name(schema[c]), "object") for name, (c, _) in self._made().items()}
        return [
            f"ordered = {df}.sort_values({self._keys(schema)!r}, na_position='last').reset_index(drop=True)",
            f"parts = [ordered.iloc[i::{self.n}].reset_index(drop=True) for i in range({self.n})]",
            f"{df} = pd.DataFrame({{{self.number_to!r}: pd.array(range(1, len(parts[0]) + 1), dtype='Int64')}})",
            f"for c in {list(self.columns)!r}:",
            "    for i, part in enumerate(parts):",
            f"        {df}[f'{{c}}_{{i + 1}}'] = part[c].reindex({df}.index)",
            f"{df} = {df}.astype({kinds!r})",
        ]
