"""The bias report as one HTML page: light and dark, nothing from the network, every value escaped."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from html import escape

from insights.bias.measure import BiasReport, FacetBias
from insights.bias.mitigation import METHODS, Mitigation
from insights.bias.words import SAME_FACT, Reading

CSS = """
:root { color-scheme: light dark; --bg:#FCFBF8; --ink:#1F2622; --soft:#5C655F; --line:#DDD9CE; --high:#A6322A; --medium:#8A5A00; --low:#2F5E8A; }
@media (prefers-color-scheme: dark) { :root { --bg:#141816; --ink:#E8ECE9; --soft:#A3ADA7; --line:#323A36; --high:#FF9C92; --medium:#EBC06A; --low:#9CC4EE; } }
body { margin:0; background:var(--bg); color:var(--ink); font:15px/1.5 Inter,'Segoe UI',system-ui,sans-serif; }
main { max-width:1080px; margin:0 auto; padding:2rem 1.25rem 4rem; } h1 { font-size:1.7rem; margin:0; } h2 { font-size:1.2rem; margin:2rem 0 .4rem; overflow-wrap:anywhere; }
.muted, .small td { color:var(--soft); } .scroll { overflow-x:auto; } table { border-collapse:collapse; width:100%; }
th,td { text-align:left; padding:.35rem .6rem; border-bottom:1px solid var(--line); vertical-align:top; overflow-wrap:anywhere; }
td.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; }
.high,.medium,.low { font-weight:600; } .high { color:var(--high); } .medium { color:var(--medium); } .low { color:var(--low); }
"""
VERDICTS = {"alert": "outside the allowed range", "fine": "within the allowed range", "unclear": "cannot be told"}


def to_html(
    report: BiasReport, name: str, *, crossed: BiasReport | None = None, mitigated: Mitigation | None = None
) -> str:
    """Return the report as a self-contained page.

    Args:
        name: what was measured, such as `people@3`.
        crossed: the result of `intersect`, for a part of its own.
        mitigated: what a mitigation would do, for a part of its own.
    """
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    asked = f"Good to get: {report.label} {report.positive}."
    if report.predicted:
        asked += f" Predictions: {report.predicted}."
    if report.group:
        asked += f" Compared within: {report.group}."
    parts = "".join(_facet(one, report) for one in report.facets)
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>Bias of {escape(name)}</title><style>{CSS}</style></head><body><main><h1>Bias of {escape(name)}</h1>"
        f"<p class=muted>{escape(asked)} Measured on all {report.rows:,} rows by Tilth on {made}.</p>{parts}"
        f"{_crossing(crossed) if crossed else ''}{_mitigation(mitigated) if mitigated else ''}"
        f"<p class=muted>{escape(SAME_FACT)} A high value asks for an explanation; it does not prove discrimination.</p></main></body></html>"
    )


def shown(value: float | None, digits: int = 4) -> str:
    """Return a metric's value as the reports write it."""
    if value is None:
        return "–"
    value = 0.0 if abs(value) < 0.5 * 10**-digits else value  # no -0.000
    return f"{value:.{digits}f}" if math.isfinite(value) else ("∞" if value > 0 else "-∞")


def shown_interval(reading: Reading, digits: int = 3) -> str:
    """Return an interval as the reports write it; "" without one."""
    return " to ".join(shown(end, digits) for end in reading.interval) if reading.interval else ""


def _facet(one: FacetBias, report: BiasReport) -> str:
    between = f"<th>{report.level:.0%} interval<th>Verdict" if report.level else ""
    rows = "".join(
        f"<tr><td><b>{r.metric}</b><br><span class=muted>{escape(r.name)}</span><td class=n>{shown(r.value)}"
        + (f"<td class=n>{shown_interval(r)}<td>{VERDICTS.get(r.verdict, '')}" if report.level else "")
        + f"<td class={r.severity}>{r.severity}<td>{escape(r.says)}</tr>"
        for r in one.readings
    )
    notes = "".join(f"<p class=muted>{escape(note)}</p>" for note in one.notes)
    c = one.counts
    counted = f"{c['n_d']:,} rows in the group, {c['n_d_pos']:,} with the good outcome; {c['n_a']:,} others, {c['n_a_pos']:,} with it."
    many = ""
    if one.outcomes:
        many = f"<p>Over all outcomes of {escape(report.label)}: {', '.join(f'{k} {shown(v)}' for k, v in one.outcomes.items())}.</p>"
    return (
        f"<h2>{escape(one.facet)}: {escape(one.value)}</h2><p class=muted>{counted}</p><div class=scroll><table>"
        f"<tr><th>Metric<th>Value{between}<th>Severity<th>What it says</tr>{rows}</table></div>{many}{notes}"
    )


def _crossing(report: BiasReport) -> str:
    metrics = [m for m in ("DPL", "DPPL", "DI", "RD", "AD") if m in report.facets[0].metrics]
    rows = "".join(
        f"<tr{' class=small' if one.is_small else ''}><td>{escape(one.value)}{' (few rows)' if one.is_small else ''}<td class=n>{one.counts['n_d']:,}"
        + "".join(_crossed_cell(r) for r in one.readings if r.metric in metrics)
        + "</tr>"
        for one in report.facets
    )
    heads = "".join(f"<th>{m}" for m in metrics)
    return (
        f"<h2>Groups where {escape(' and '.join(report.crossed))} meet</h2><p class=muted>Each against everybody else, worst first.</p>"
        f"<div class=scroll><table><tr><th>Group<th>Rows{heads}</tr>{rows}</table></div>"
    )


def _crossed_cell(r: Reading) -> str:
    ends = f"<br><span class=muted>{shown_interval(r, 2)}</span>" if r.interval else ""
    return f"<td class='n {r.severity}'>{shown(r.value, 3)}{ends}"


def _mitigation(found: Mitigation) -> str:
    before, after = found.before.facets[0], found.after.facets[0]
    rows = "".join(
        f"<tr><td><b>{m}</b><td class=n>{shown(v)}<td class=n>{shown(after.metrics.get(m))}</tr>"
        for m, v in before.metrics.items()
    )
    return (
        f"<h2>{escape(METHODS[found.method])}</h2><p class=muted>{escape(before.facet)}: {escape(before.value)}, on all rows.</p>"
        f"<div class=scroll><table><tr><th>Metric<th>Before<th>After</tr>{rows}</table></div>"
    )
