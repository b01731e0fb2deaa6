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
td.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; } .scroll { overflow-x:auto; }
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
        f"{_warnings(found)}<h2>Columns</h2>{''.join(map(_column, found.columns))}{_correlations(found)}{_notes(found)}</main></body></html>"
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
    """Return the step's label in the catalogue, or a dash."""
    from transforms import catalog

    return catalog.get(fix["transform"]).label if fix else "–"


def _column(c: Column) -> str:
    facts: list[tuple[str, Any]] = [
        ("missing", f"{c.missing:,} ({c.missing_share:.1%})"),
        ("distinct", f"{'' if c.distinct_is_exact else 'about '}{c.distinct:,}"),
        ("smallest", c.min), ("largest", c.max), ("mean", c.mean), ("median", c.quantiles.get("0.5")),
        ("standard deviation", c.std), ("skewness", c.skewness), ("excess kurtosis", c.kurtosis),
        ("zeros", c.zeros), ("negative", c.negative), ("infinite", c.infinite), ("outliers", c.outliers),
        ("shortest", c.length_min), ("longest", c.length_max), ("mean length", c.length_mean), ("empty", c.empty), ("white space only", c.white_space),
    ]  # fmt: skip
    listed = "".join(f"<dt>{k}</dt><dd>{escape(said(v))}</dd>" for k, v in facts if v is not None)
    top = "".join(f"<tr><td>{escape(said(t['value']))}</td><td class=n>{t['count']:,}</td></tr>" for t in c.top[:8])
    return (
        f"<section class=col><div><h3>{escape(c.name)}</h3><p class=muted>{escape(c.type)}</p>{_bars(c)}</div><dl>{listed}</dl>"
        f"<div class=scroll>{f'<table class=top>{top}</table>' if top else ''}</div></section>"
    )


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


def _correlations(found: Profile) -> str:
    if not found.correlations:
        return ""
    rows = "".join(
        f"<tr><td>{escape(p['a'])}<td>{escape(p['b'])}<td class=n>{p['r']:.3f}</tr>" for p in found.correlations[:20]
    )
    return f"<h2>Strongest correlations</h2><div class=scroll><table><tr><th>Column<th>Column<th>Pearson r</tr>{rows}</table></div>"


def _notes(found: Profile) -> str:
    return "".join(f"<p class=muted>{escape(note)}</p>" for note in found.notes)


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
