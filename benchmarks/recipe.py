"""Measure recipes against their floors: SQL written by hand, exported pandas, and Polars, each in its own process.

    python benchmarks/recipe.py [ROWS] [--repeat 3] [--only run,fit,preview,record] [--skip pandas]

Prints medians of wall time (without imports), peak memory of the process, and ratios to the hand-written SQL. All
write the same Parquet; the outputs are compared by counts and sums. The ways alternate, so a busy machine hits all.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

WAYS = ("tilth", "sql", "polars", "pandas")
COLUMNS = ["Size", "Installs", "Price"]
RATINGS = ["Everyone", "Everyone 10+", "Mature 17+", "Teen", "Unrated"]
PARSE = r"([+-]?[0-9]+(?:[.][0-9]+)?) ?([kKmMgGbBtT%]?)"

MAKE = """COPY (
    SELECT 'App ' || (range % 900001) AS "App",
        ['GAME', 'FAMILY', 'TOOLS', 'BUSINESS', 'MEDICAL', 'FINANCE', 'SPORTS', 'SOCIAL'][1 + (hash(range) % 8)::INT] AS "Category",
        CASE WHEN hash(range, 1) % 100 < 15 THEN NULL ELSE round(1 + 4 * sqrt((hash(range, 2) % 1000) / 1000), 1) END AS "Rating",
        (10 ** ((hash(range, 3) % 7000) / 1000))::BIGINT AS "Reviews",
        CASE WHEN hash(range, 4) % 100 < 15 THEN 'Varies with device' WHEN hash(range, 4) % 100 < 25 THEN (hash(range, 5) % 1000) || 'k'
             ELSE round((hash(range, 5) % 1000) / 10, 1) || 'M' END AS "Size",
        ['1+', '10+', '500+', '1,000+', '10,000+', '500,000+', '1,000,000+', '100,000,000+'][1 + (hash(range, 6) % 8)::INT] AS "Installs",
        CASE WHEN hash(range, 7) % 100 < 92 THEN '0' ELSE '$' || ((hash(range, 8) % 50) || '.99') END AS "Price",
        ['Everyone', 'Everyone 10+', 'Mature 17+', 'Teen', 'Unrated'][1 + (hash(range, 9) % 5)::INT] AS "Content Rating",
        DATE '2010-01-01' + (hash(range, 10) % 3141)::INT AS "Last Updated"
    FROM range({rows})) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 122880)"""


def recipe():
    from transforms import Recipe

    return (
        Recipe(name="store")
        .add("types.parse_number", {"columns": COLUMNS})
        .add("missing.fill_statistic", {"columns": ["Rating", "Size"], "statistic": "median"})
        .add("scale.clip", {"columns": ["Reviews", "Price"], "method": "quantiles", "lower": 0.01, "upper": 0.99})
        .add("scale.standard", {"columns": ["Reviews", "Rating"]})
        .add("encode.one_hot", {"columns": ["Content Rating"]})
        .add("dates.extract_part", {"column": "Last Updated", "part": "year", "to": "year"})
        .add("number.arithmetic", {"left": "Size", "operation": "divide", "right": "Installs", "to": "per_install"})
        .add("rows.filter", {"conditions": [{"column": "Price", "test": "is less than", "value": "40"}]})
        .add("text.trim", {"columns": ["App"]})
        .add("text.change_case", {"columns": ["App"], "case": "lower"})
        .add("text.length", {"column": "App", "to": "letters"})
        .add("text.test", {"column": "Category", "test": "starts with", "text": "F", "to": "f"})
        .add("dates.extract_part", {"column": "Last Updated", "part": "month", "to": "month"})
        .add("dates.is_weekend", {"column": "Last Updated", "to": "weekend"})
        .add("number.log1p", {"columns": ["Installs"]})
        .add("number.square_root", {"columns": ["Size"], "suffix": "_root"})
        .add("number.arithmetic", {"left": "Rating", "operation": "multiply", "right": "Installs", "to": "liked"})
        .add("number.round", {"columns": ["liked"], "digits": 2})
        .add("number.row_statistic", {"columns": ["Rating", "Reviews"], "statistic": "sum", "to": "both"})
        .add(
            "logic.if_then_else",
            {
                "conditions": [{"column": "Price", "test": "is greater than", "value": "0"}],
                "then": "paid",
                "otherwise": "free",
                "to": "kind",
            },
        )
        .add("bins.custom", {"column": "Rating", "cuts": [-1, 0, 1], "to": "stars"})
        .add("encode.ordinal", {"columns": ["Category"]})
        .add("encode.frequency", {"columns": ["kind"]})
        .add("scale.min_max", {"columns": ["letters"]})
        .add("columns.rename", {"column": "stars", "to": "star_group"})
    )


# ---------------------------------------------------------------- one way, in a process of its own: returns seconds


def tilth_run(data: str, state: str, out: str) -> float:
    from transforms import FittedRecipe
    from transforms.engines import DuckDBEngine
    from transforms.writing import write

    DuckDBEngine()
    begun = time.perf_counter()
    engine = DuckDBEngine()
    write(engine, FittedRecipe.load(state).expression(data, engine=engine), out)
    return time.perf_counter() - begun


def tilth_fit(data: str, state: str, out: str) -> float:
    from transforms.engines import DuckDBEngine

    DuckDBEngine()
    begun = time.perf_counter()
    recipe().fit(data)
    return time.perf_counter() - begun


def learnt(state: str) -> dict:
    return json.loads(Path(state).read_text())["states"]


PARSED = """SELECT * REPLACE (
        p.n::DOUBLE * CASE lower(p.u) WHEN 'k' THEN 1e3 WHEN 'm' THEN 1e6 WHEN 'g' THEN 1e9 WHEN 'b' THEN 1e9 WHEN 't' THEN 1e12 WHEN '%' THEN 0.01 ELSE 1 END AS "Size",
        i.n::DOUBLE * CASE lower(i.u) WHEN 'k' THEN 1e3 WHEN 'm' THEN 1e6 WHEN 'g' THEN 1e9 WHEN 'b' THEN 1e9 WHEN 't' THEN 1e12 WHEN '%' THEN 0.01 ELSE 1 END AS "Installs",
        c.n::DOUBLE * CASE lower(c.u) WHEN 'k' THEN 1e3 WHEN 'm' THEN 1e6 WHEN 'g' THEN 1e9 WHEN 'b' THEN 1e9 WHEN 't' THEN 1e12 WHEN '%' THEN 0.01 ELSE 1 END AS "Price")
    FROM (SELECT *, parts("Size") AS p, parts("Installs") AS i, parts("Price") AS c FROM '{data}')"""
PARTS = f"CREATE MACRO parts(x) AS regexp_extract(CASE WHEN regexp_matches(x, '[0-9]') THEN replace(x, ',', '') END, '{PARSE}', ['n', 'u'])"


def sql_run(data: str, state: str, out: str) -> float:
    from transforms.engines import connect

    s = learnt(state)
    reviews, price, scaled = s["s3"]["Reviews"], s["s3"]["Price"], s["s4"]
    hot = ", ".join(f"""coalesce("Content Rating" = '{v}', false)::BIGINT AS "Content Rating_{v}\"""" for v in RATINGS)
    letters, kinds = s["s24"]["letters"], dict(s["s23"]["kind"])
    orders = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(s["s22"]["Category"]))
    query = f"""COPY (
        WITH parsed AS ({PARSED.format(data=data)}),
        filled AS (SELECT * REPLACE (coalesce("Rating", {s["s2"]["Rating"]}) AS "Rating", coalesce("Size", {s["s2"]["Size"]}) AS "Size") FROM parsed),
        clipped AS (SELECT * REPLACE (greatest(least("Reviews"::DOUBLE, {reviews["high"]}), {reviews["low"]}) AS "Reviews",
                                      CASE WHEN "Price" IS NOT NULL THEN greatest(least("Price", {price["high"]}), {price["low"]}) END AS "Price") FROM filled),
        scaled AS (SELECT * REPLACE (("Rating" - {scaled["Rating"]["centre"]!r}) / {scaled["Rating"]["width"]!r} AS "Rating",
            ("Reviews" - {scaled["Reviews"]["centre"]!r}) / {scaled["Reviews"]["width"]!r} AS "Reviews", lower(trim("App", E' \\t\\r\\n')) AS "App")
            FROM clipped WHERE "Price" < 40)
        SELECT "App", CASE "Category" {orders} END::BIGINT AS "Category", "Rating", "Reviews", "Size",
            CASE WHEN "Installs" > -1 THEN ln("Installs" + 1) END AS "Installs", "Price", "Last Updated",
            {hot}, year("Last Updated") AS "year", "Size" / nullif("Installs", 0) AS "per_install",
            (length("App")::DOUBLE - {letters["centre"]!r}) / {letters["width"]!r} AS letters, starts_with("Category", 'F') AS f,
            month("Last Updated") AS "month", isodow("Last Updated") >= 6 AS weekend, sqrt("Size") AS "Size_root",
            round("Rating" * CASE WHEN "Installs" > -1 THEN ln("Installs" + 1) END, 2) AS liked, coalesce("Rating", 0) + coalesce("Reviews", 0) AS "both",
            CASE WHEN "Price" > 0 THEN {kinds["paid"]!r} ELSE {kinds["free"]!r} END AS kind,
            CASE WHEN "Rating" < -1 THEN '< -1' WHEN "Rating" < 0 THEN '[-1, 0)' WHEN "Rating" < 1 THEN '[0, 1)' WHEN "Rating" >= 1 THEN '>= 1' END AS star_group
        FROM scaled) TO '{out}' (FORMAT parquet)"""
    begun = time.perf_counter()
    con = connect()
    con.execute(PARTS).fetchall()
    con.execute(query).fetchall()
    return time.perf_counter() - begun


def sql_fit(data: str, state: str, out: str) -> float:
    from transforms.engines import connect

    begun = time.perf_counter()
    con = connect()
    con.execute(PARTS).fetchall()
    source = PARSED.format(data=data)
    rating, size = con.execute(f'SELECT median("Rating"), median("Size") FROM ({source})').fetchall()[0]
    quantiles = "quantile_cont({0}, 0.01), quantile_cont({0}, 0.99)"
    low, high, *_ = con.execute(
        f"""SELECT {quantiles.format('"Reviews"::DOUBLE')}, {quantiles.format('"Price"')} FROM ({source})"""
    ).fetchall()[0]
    con.execute(
        f"""SELECT avg(r), stddev_pop(r), avg(g), stddev_pop(g) FROM (SELECT greatest(least("Reviews"::DOUBLE, {high}), {low}) AS r,
            coalesce("Rating", {rating}) AS g FROM '{data}')"""
    ).fetchall()
    con.execute(f"""SELECT DISTINCT "Content Rating" FROM '{data}' ORDER BY 1""").fetchall()
    return time.perf_counter() - begun


def polars_steps(frame, s: dict):
    import polars as pl

    def number(column: str):
        text = pl.col(column).str.replace_all(",", "", literal=True)
        parts = text.str.extract_groups(PARSE.replace("(", "(?<n>", 1).replace("([k", "(?<u>[k"))
        scale = (
            parts.struct.field("u")
            .str.to_lowercase()
            .replace_strict(
                {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12, "%": 0.01}, default=1.0, return_dtype=pl.Float64
            )
        )
        return (parts.struct.field("n").cast(pl.Float64) * scale).alias(column)

    frame = frame.with_columns([number(c) for c in COLUMNS])
    if not s:
        return frame
    clip, scale = s["s3"], s["s4"]
    frame = frame.with_columns(pl.col("Rating").fill_null(s["s2"]["Rating"]), pl.col("Size").fill_null(s["s2"]["Size"]))
    frame = frame.with_columns(
        pl.col(c).cast(pl.Float64).clip(clip[c]["low"], clip[c]["high"]) for c in ("Reviews", "Price")
    )
    frame = frame.with_columns((pl.col(c) - scale[c]["centre"]) / scale[c]["width"] for c in ("Reviews", "Rating"))
    hot = [
        (pl.col("Content Rating") == v).fill_null(False).cast(pl.Int64).alias(f"Content Rating_{v}") for v in RATINGS
    ]
    frame = frame.with_columns(hot).drop("Content Rating")
    frame = frame.with_columns(pl.col("Last Updated").dt.year().cast(pl.Int64).alias("year"))
    installs = pl.when(pl.col("Installs") != 0).then(pl.col("Installs"))
    frame = frame.with_columns((pl.col("Size") / installs).alias("per_install")).filter(pl.col("Price") < 40)
    letters, rating = s["s24"]["letters"], pl.col("Rating")
    frame = frame.with_columns(
        pl.col("App").str.strip_chars(" \t\r\n").str.to_lowercase(),
        pl.when(pl.col("Installs") > -1).then((pl.col("Installs") + 1).log()).alias("Installs"),
        pl.col("Category").str.starts_with("F").alias("f"),
        pl.col("Last Updated").dt.month().cast(pl.Int64).alias("month"),
        (pl.col("Last Updated").dt.weekday() >= 6).alias("weekend"),
        pl.col("Size").sqrt().alias("Size_root"),
        (rating.fill_null(0) + pl.col("Reviews").fill_null(0)).alias("both"),
        pl.when(pl.col("Price") > 0).then(s["s23"]["kind"]["paid"]).otherwise(s["s23"]["kind"]["free"]).alias("kind"),
        pl.when(rating < -1).then(pl.lit("< -1")).when(rating < 0).then(pl.lit("[-1, 0)")).when(rating < 1)
        .then(pl.lit("[0, 1)")).when(rating >= 1).then(pl.lit(">= 1")).alias("star_group"),
    )  # fmt: skip
    orders = {name: place for place, name in enumerate(s["s22"]["Category"])}
    return frame.with_columns(
        ((pl.col("App").str.len_chars().cast(pl.Float64) - letters["centre"]) / letters["width"]).alias("letters"),
        (rating * pl.col("Installs")).round(2, mode="half_away_from_zero").alias("liked"),
        pl.col("Category").replace_strict(orders, default=None, return_dtype=pl.Int64),
    )


def polars_run(data: str, state: str, out: str) -> float:
    import polars as pl

    begun = time.perf_counter()
    polars_steps(pl.scan_parquet(data), learnt(state)).sink_parquet(out, compression="snappy")
    return time.perf_counter() - begun


def polars_fit(data: str, state: str, out: str) -> float:
    import polars as pl

    begun = time.perf_counter()
    parsed = polars_steps(pl.scan_parquet(data), {})
    quantiles = [
        pl.col(c).cast(pl.Float64).quantile(q, "linear").alias(f"{c}{q}")
        for c in ("Reviews", "Price")
        for q in (0.01, 0.99)
    ]
    one = (
        parsed.select(pl.col("Rating").median(), pl.col("Size").median(), *quantiles)
        .collect(engine="streaming")
        .row(0, named=True)
    )
    clipped = pl.col("Reviews").cast(pl.Float64).clip(one["Reviews0.01"], one["Reviews0.99"])
    filled = pl.col("Rating").fill_null(one["Rating"])
    scaled = [
        f(x)
        for x in (clipped, filled)
        for f in (lambda x: x.mean().name.suffix("_m"), lambda x: x.std(ddof=0).name.suffix("_s"))
    ]
    pl.scan_parquet(data).select(scaled).collect(engine="streaming")
    pl.scan_parquet(data).select(pl.col("Content Rating").unique().sort()).collect()
    return time.perf_counter() - begun


def pandas_code(state: str) -> dict:
    from transforms import FittedRecipe
    from transforms.export import export

    space: dict = {"__name__": "prepare"}
    exec(export(FittedRecipe.load(state), "pandas"), space)
    return space


def pandas_run(data: str, state: str, out: str) -> float:
    space = pandas_code(state)
    begun = time.perf_counter()
    space["main"]([data, out])
    return time.perf_counter() - begun


# ---------------------------------------------------------------- what one process does


def preview(data: str, state: str, out: str) -> dict:
    """Time the first page, and the facts of ten columns, after one more step on a 12-step recipe."""
    from transforms.preview import Previewer

    long = recipe().upto(8)
    for n in range(4):
        long = long.add(
            "number.arithmetic", {"left": "Rating", "operation": "multiply", "number": 1.5 + n, "to": f"more{n}"}
        )
    previewer = Previewer({"main": data}, data)
    begun = time.perf_counter()
    previewer.view(long).rows(0, 100)
    cold = time.perf_counter() - begun
    found: dict[str, list[float]] = {"cheap": [], "fitted": [], "filter": [], "page 1,000,000": [], "facts": []}
    for n in range(20):
        steps = {
            "cheap": (
                "number.arithmetic",
                {"left": "Rating", "operation": "add", "number": float(n), "to": "one more"},
            ),
            "fitted": ("scale.min_max", {"columns": [f"more{n % 4}"]}),
            "filter": (
                "rows.filter",
                {"conditions": [{"column": "Rating", "test": "is at least", "value": f"{n / 100}"}]},
            ),
        }
        for kind, step in steps.items():
            if kind == "fitted" and n >= 4:
                continue
            begun = time.perf_counter()
            view = previewer.view(long.add(*step))
            view.rows(0, 100)
            found[kind].append(time.perf_counter() - begun)
        if n < 3:
            begun = time.perf_counter()
            view.rows(1_000_000, 100)
            found["page 1,000,000"].append(time.perf_counter() - begun)
            begun = time.perf_counter()
            view.profile(list(view.schema)[:10])
            found["facts"].append(time.perf_counter() - begun)
    return (
        {"cold, all four fits": cold}
        | {k: statistics.median(v) for k, v in found.items()}
        | {"cheap, slowest": max(found["cheap"])}
    )


def record(data: str, state: str, out: str) -> dict:
    """Time single records through a 20-step recipe."""
    from transforms import Recipe
    from transforms.engines import connect

    con = connect()
    sample = con.sql(f"FROM '{data}' LIMIT 5000").to_arrow_table()
    long = Recipe.from_dict(recipe().upto(7).dump())
    for n in range(13):
        long = long.add(
            "number.arithmetic", {"left": "Rating", "operation": "multiply", "number": 1.5 + n, "to": f"more{n}"}
        )
    fitted = long.fit(sample)
    rows = sample.slice(0, 1000).to_pylist()
    begun = time.perf_counter()
    fitted.transform_record(rows[0])
    first = time.perf_counter() - begun
    times = []
    for row in rows:
        begun = time.perf_counter()
        fitted.transform_record(row)
        times.append(time.perf_counter() - begun)
    return {
        "steps": len(fitted.steps),
        "first": first,
        "median": statistics.median(times),
        "p95": statistics.quantiles(times, n=20)[18],
    }


def one(what: str, data: str, state: str, out: str) -> None:
    """Do one thing and print its figures as JSON."""
    found = globals()[what](data, state, out)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": found, "megabytes": megabytes} if isinstance(found, float) else found))


# ---------------------------------------------------------------- all of it


def asked(what: str, *arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--one", what, *arguments], capture_output=True, text=True
    )
    if done.returncode:
        return {"seconds": float("nan"), "megabytes": float("nan"), "error": done.stderr.strip().splitlines()[-1:]}
    return json.loads(done.stdout.splitlines()[-1])


def compare(kind: str, ways: list[str], repeat: int, data: str, state: str, folder: Path) -> None:
    """Run each way in turn, `repeat` times, and print medians and ratios."""
    found: dict[str, list[dict]] = {way: [] for way in ways}
    for _ in range(repeat):
        for way in ways:
            found[way].append(asked(f"{way}_{kind}", data, state, str(folder / f"{way}.parquet")))
    floor = statistics.median(r["seconds"] for r in found["sql"])
    for way, results in found.items():
        seconds, memory = (statistics.median(r[k] for r in results) for k in ("seconds", "megabytes"))
        spread = "/".join(f"{r['seconds']:.2f}" for r in results)
        print(
            f"{kind:4} {way:7} {seconds:8.2f} s  {memory:7,.0f} MB  {seconds / floor:5.2f} x SQL   ({spread}) {results[0].get('error', '')}",
            flush=True,
        )


def same(ways: list[str], folder: Path) -> None:
    """Print whether the outputs hold the same rows, by counts and sums of every number."""
    from transforms.engines import connect

    con = connect()
    numbers = [
        "Rating",
        "Reviews",
        "Size",
        "Installs",
        "Price",
        "year",
        "per_install",
        "letters",
        "month",
        "Size_root",
        "liked",
        "both",
        "kind",
        "Category",
        *(f"Content Rating_{v}" for v in RATINGS),
    ]
    sums = ", ".join(f'count("{c}"), sum("{c}"::DOUBLE)' for c in numbers)
    totals = {
        way: con.execute(f"SELECT count(*), {sums} FROM '{folder / way}.parquet'").fetchall()[0]
        for way in ways
        if (folder / f"{way}.parquet").exists()
    }
    floor = totals["sql"]
    for way, total in totals.items():
        equal = all(abs(a - b) <= 1e-6 * max(1.0, abs(b)) for a, b in zip(total, floor, strict=True))
        print(
            f"output of {way}: {total[0]:,} rows, {'equal to the SQL' if equal else f'DIFFERENT: {total} {floor}'}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="?", default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="run,fit,preview,record")
    parser.add_argument("--skip", default="", help="ways to leave out, such as pandas")
    parser.add_argument("--one", nargs=4, metavar=("WHAT", "DATA", "STATE", "OUT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        one(*chosen.one)
        return
    from transforms.engines import connect

    ways = [w for w in WAYS if w not in chosen.skip.split(",")]
    with tempfile.TemporaryDirectory(prefix="tilth-bench-") as name:
        folder = Path(name)
        data, state = str(folder / "apps.parquet"), str(folder / "fitted.json")
        connect().execute(MAKE.format(rows=chosen.rows, path=data)).fetchall()
        print(f"{chosen.rows:,} rows, {Path(data).stat().st_size / 1e6:,.0f} MB of Parquet", flush=True)
        recipe().fit(data).save(state)
        if "run" in chosen.only:
            compare("run", ways, chosen.repeat, data, state, folder)
            same(ways, folder)
        if "fit" in chosen.only:
            compare("fit", [w for w in ways if w != "pandas"], chosen.repeat, data, state, folder)
        for what, unit, scale in (("preview", "ms", 1e3), ("record", "ms", 1e3)):
            if what in chosen.only:
                for k, v in asked(what, data, state, "").items():
                    print(f"{what}: {k}: {v if k == 'steps' else f'{v * scale:,.2f} {unit}'}", flush=True)


if __name__ == "__main__":
    main()
