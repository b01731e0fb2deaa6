"""The profile as one HTML page: light and dark, nothing from the network, every value escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from insights.profile import Column, Profile

CSS = """
:root { color-scheme: light dark; --bg:#FCFBF8; --panel:#FFFFFF; --ink:#1F2622; --soft:#5C655F; --line:#DDD9CE; --bar:#2F7D5B; --high:#A6322A; --medium:#8A5A00; --low:#2F5E8A; }
@media (prefers-color-scheme: dark) { :root { --bg:#141816; --panel:#1A201D; --ink:#E8ECE9; --soft:#A3ADA7; --line:#323A36; --bar:#5FBF92; --high:#FF9C92; --medium:#EBC06A; --low:#9CC4EE; } }
* { box-sizing: border-box; } body { margin:0; background:var(--bg); color:var(--ink); font:15px/1.5 Inter,'Segoe UI',system-ui,sans-serif; }
main { max-width:1180px; margin:0 auto; padding:2rem 1.25rem 4rem; } h1 { font-size:1.7rem; margin:0; } h2 { font-size:1.2rem; margin:2rem 0 .6rem; }
.muted { color:var(--soft); } .facts { display:flex; flex-wrap:wrap; gap:2rem; margin:1.2rem 0; } .facts b { display:block; font-size:1.35rem; font-variant-numeric:tabular-nums; }
table { border-collapse:collapse; width:100%; } th,td { text-align:left; padding:.35rem .6rem; border-bottom:1px solid var(--line); vertical-align:top; overflow-wrap:anywhere; }
table.fit { width:auto; min-width:min(30rem,100%); } main > h3 { margin-top:1.2rem; } td.n,th.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; } .scroll { overflow-x:auto; }
.high,.medium,.low { font-weight:600; } .high { color:var(--high); } .medium { color:var(--medium); } .low { color:var(--low); }
section.col { display:grid; grid-template-columns:minmax(220px,1.2fr) 1fr 1fr; gap:1.2rem; background:var(--panel); border:1px solid var(--line); border-radius:10px; padding:1rem 1.2rem; margin:.8rem 0; }
@media (max-width:800px) { section.col { grid-template-columns:1fr; } } h3 { margin:0 0 .3rem; font-size:1.05rem; overflow-wrap:anywhere; } dl { display:grid; grid-template-columns:auto 1fr; gap:.1rem .8rem; margin:0; }
dt { color:var(--soft); } dd { margin:0; text-align:right; font-variant-numeric:tabular-nums; overflow-wrap:anywhere; } rect { fill:var(--bar); } .top td { padding:.15rem .4rem; }
"""


def to_html(found: Profile, name: str) -> str:
    """Return the report of a profile as a self-contained page; `name` says of what."""
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = {"Rows": f"{found.rows:,}", "Columns": f"{len(found.columns):,}", "Warnings": f"{len(found.warnings):,}"}
    if found.duplicate_rows is not None:
        facts["Duplicate rows"] = f"{found.duplicate_rows:,}"
    shown = "".join(f"<div><span class=muted>{escape(k)}</span><b>{v}</b></div>" for k, v in facts.items())
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>Profile of {escape(name)}</title><style>{CSS}</style></head><body><main>"
        f"<h1>{escape(name)}</h1><p class=muted>Profile of all rows, made by Tilth on {made}.</p><div class=facts>{shown}</div>"
        f"{_warnings(found)}{_target(found)}<h2>Columns</h2>{''.join(map(_column, found.columns))}"
        f"{_relations(found)}{_anomalies(found)}{_notes(found)}{_rules()}</main></body></html>"
    )


def _warnings(found: Profile) -> str:
    if not found.warnings:
        return "<h2>Warnings</h2><p>Nothing looks wrong by our rules.</p>"
    rows = "".join(
        f"<tr><td class={w['severity']}>{w['severity']}</td><td>{escape(w['column'] or 'whole table')}</td><td>{escape(w['message'])}</td>"
        f"<td>{escape(fix_label(w['fix']))}</td></tr>"
        for w in found.warnings
    )
    return (
        f"<h2>Warnings</h2><div class=scroll><table><tr><th>Severity<th>Column<th>What<th>Fix</tr>{rows}</table></div>"
    )


def fix_label(fix: dict | None) -> str:
    """Return the step's label in the catalogue, or a dash; setting values to missing is called that."""
    from transforms import catalog

    if fix and fix["settings"].get("make") == "missing":
        return "Make them missing"
    return catalog.get(fix["transform"]).label if fix else "–"


def _column(c: Column) -> str:
    facts: list[tuple[str, Any]] = [
        ("looks like", c.meaning), ("invalid", c.invalid),
        ("missing", f"{c.missing:,} ({c.missing_share:.1%})"),
        ("distinct", f"{'' if c.distinct_is_exact else 'about '}{c.distinct:,}"),
        ("smallest", c.min), ("largest", c.max), ("mean", c.mean), ("median", c.quantiles.get("0.5")),
        ("standard deviation", c.std), ("skewness", c.skewness), ("excess kurtosis", c.kurtosis),
        ("zeros", c.zeros), ("negative", c.negative), ("infinite", c.infinite), ("outliers", c.outliers), ("robust deviation", c.robust_std),
        ("shortest", c.length_min), ("longest", c.length_max), ("mean length", c.length_mean), ("empty", c.empty), ("white space only", c.white_space),
    ]  # fmt: skip
    listed = "".join(f"<dt>{k}</dt><dd>{escape(said(v))}</dd>" for k, v in facts if v is not None)
    top = "".join(f"<tr><td>{escape(said(t['value']))}</td><td class=n>{t['count']:,}</td></tr>" for t in c.top[:8])
    return (
        f"<section class=col><div><h3>{escape(c.name)}</h3><p class=muted>{escape(c.type)}</p>{_bars(c)}</div><dl>{listed}</dl>"
        f"<div class=scroll>{f'<table class=top>{top}</table>' if top else ''}{_patterns(c)}</div></section>"
    )


def _patterns(c: Column) -> str:
    if not c.patterns:
        return ""
    rows = "".join(f"<tr><td><code>{escape(said(p['pattern']))}</code></td><td class=n>{p['count']:,}</td></tr>" for p in c.patterns[:5])  # fmt: skip
    note = "" if c.patterns_are_exact else " (of a sample)"
    return f"<p class=muted>Patterns{note}</p><table class=top>{rows}</table>"


def _bars(c: Column) -> str:
    if not c.histogram:
        return ""
    most = max(b["count"] for b in c.histogram) or 1
    width = 240 / len(c.histogram)
    bars = "".join(
        f"<rect x='{i * width:.2f}' y='{60 - 60 * b['count'] / most:.2f}' width='{max(width - 1, 0.5):.2f}' height='{60 * b['count'] / most:.2f}'>"
        f"<title>{escape(said(b['low']))} to {escape(said(b['high']))}: {b['count']:,} rows</title></rect>"
        for i, b in enumerate(c.histogram)
    )
    return f"<svg viewBox='0 0 240 60' width='100%' role=img aria-label='Histogram of {escape(c.name, quote=True)}'>{bars}</svg>"


def _table(heads: tuple[str, ...], rows: list[tuple], numeric: tuple[int, ...] = ()) -> str:
    """Return a table with everything escaped; `numeric` are the places of columns that go to the right."""
    head = "".join(f"<th{' class=n' if i in numeric else ''}>{escape(h)}" for i, h in enumerate(heads))
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' if i in numeric else ''}>{escape(said(v))}" for i, v in enumerate(row))
        + "</tr>"
        for row in rows
    )
    narrow = " class=fit" if len(heads) < 5 and numeric else ""
    return f"<div class=scroll><table{narrow}><tr>{head}</tr>{body}</table></div>"


def _relations(found: Profile) -> str:
    parts = []
    if found.correlations:
        rows = [(p["a"], p["b"], f"{p['r']:.3f}") for p in found.correlations[:20]]
        parts.append("<h2>Strongest correlations</h2>" + _table(("Column", "Column", "Pearson r"), rows, (2,)))
    if found.associations:
        rows = [(p["a"], p["b"], f"{p['value']:.3f}", p["measure"]) for p in found.associations[:20]]
        parts.append("<h2>Strongest associations</h2>" + _table(("Column", "Column", "Value", "Measure"), rows, (2,)))
    if found.collinear:
        rows = [(c["column"], f"{c['vif']:,.1f}") for c in found.collinear["columns"]]
        values = ", ".join(f"{v:.2f}" for v in found.collinear["singular_values"])
        parts.append(
            "<h2>Multicollinearity</h2>" + _table(("Column", "Variance inflation factor"), rows, (1,))
            + f"<p class=muted>Singular values of the standardised columns: {values}.</p>"
        )  # fmt: skip
    return "".join(parts)


def _anomalies(found: Profile) -> str:
    if not found.anomalies:
        return ""
    names = list(found.anomalies["rows"][0]["row"])
    rows = [(f"{r['score']:.3f}", *r["row"].values()) for r in found.anomalies["rows"]]
    return (
        "<h2>Odd rows</h2><p class=muted>By an isolation forest on "
        f"{found.anomalies['rows_looked_at']:,} rows; a negative score is anomalous. Odd is not wrong.</p>"
        + _table(("Score", *names), rows, (0,))
    )


def _target(found: Profile) -> str:
    t = found.target
    if not t:
        return ""
    parts = [f"<h2>Target: {escape(t['column'])}</h2><p>{escape(t['task'].capitalize())}. {escape(t['reason'])}</p>"]
    if t["classes"]:
        known = found.rows - t["missing"]
        rows = [(c["value"], c["count"], f"{c['count'] / known:.1%}") for c in t["classes"][:50]]
        parts.append(_table(("Class", "Rows", "Share"), rows, (1, 2)))
    if t["powers"]:
        rows = [(p["column"], f"{p['power']:.3f}") for p in t["powers"]]
        parts.append("<h3>Prediction power</h3>" + _table(("Column", "0 to 1"), rows, (1,)))
    if model := t["model"]:
        parts.append(
            f"<h3>Quick model</h3><p class=muted>A {escape(model['name'])}, learnt on {model['train_rows']:,} rows and scored on "
            f"{model['test_rows']:,} others.</p>"
        )
        rows = [
            (name, figure(value), figure(model["baseline"][name]) if name in model["baseline"] else "")
            for name, value in model["metrics"].items()
            if value is not None
        ]
        parts.append(_table(("Metric", "Value", "Always the most usual value"), rows, (1, 2)))
        if model["confusion"]:
            rows = [(label, *row) for label, row in zip(model["labels"], model["confusion"], strict=True)]
            numeric = tuple(range(1, len(model["labels"]) + 1))
            parts.append("<h3>Confusion matrix</h3>" + _table(("True class", *(f"says {x}" for x in model["labels"])), rows, numeric))  # fmt: skip
    return "".join(parts)


def _rules() -> str:
    from insights.quality import CODES

    rows = [(title, rule, code) for code, (title, rule) in CODES.items()]
    return "<h2>Rules</h2>" + _table(("Finding", "When", "Code"), rows)


def _notes(found: Profile) -> str:
    return "".join(f"<p class=muted>{escape(note)}</p>" for note in found.notes)


def figure(value: float) -> str:
    """Return a metric to read: three digits, and thousands marked."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def said(value: Any) -> str:
    """Return a value as the reports write it: six digits, dates in ISO form, long text cut."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if hasattr(value, "isoformat"):
        return value.isoformat(sep=" ") if hasattr(value, "hour") else value.isoformat()
    words = str(value)
    return words if len(words) <= 80 else words[:79] + "…"
