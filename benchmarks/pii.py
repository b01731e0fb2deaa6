"""Precision and recall per type of `find_in_text` and `find` beside Presidio's patterns: `python benchmarks/pii.py [FOLDER] [ENGINE]`.

FOLDER (default ../shared/data/pii) holds two labelled corpora, a labelled table, and what Presidio 2.2.366 found with
patterns only at threshold 0.35. ENGINE is tilth (the default), or presidio or both where Presidio is installed. A finding is right if it is of the labelled type and shares at least half of the union
of both spans; for AGE, as Comprehend's includes the unit ("35 years"), the label must lie within. Labels of these corpora hold bare cities, countries, organisations and job titles, which no form can tell.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.pop(0)  # this folder: its profile.py would stand for the library's
sys.path.insert(0, str(Path(__file__).parent.parent))

from insights.pii import find, find_in_text
from workspace.sql import connect, text

# Label in the corpora → our type, and → its name in the baseline file.
OURS = {
    "CREDIT_CARD": "CREDIT_DEBIT_NUMBER",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS": "IP_ADDRESS",
    "US_SSN": "SSN",
    "DOMAIN_NAME": "URL",
    "PHONE_NUMBER": "PHONE",
    "DATE_TIME": "DATE_TIME",
    "US_DRIVER_LICENSE": "DRIVER_ID",
    "AGE": "AGE",
    "PERSON": "NAME",
    "STREET_ADDRESS": "ADDRESS",
    "ADDRESS": "ADDRESS",
    "ZIP_CODE": "ADDRESS",
    "GPE": "ADDRESS",
    "LOCATION": "ADDRESS",
}
BASELINE = {"US_SSN": "US_SSN", "DOMAIN_NAME": "URL"}


def main(folder: Path, engine: str) -> None:
    base = json.loads((folder / "presidio_baseline.json").read_text())
    for name in ("presidio_synth_v2", "presidio_generated_large"):
        docs = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        of_corpus(name, docs, base[f"no_op/{name}"], engine)
    if engine == "tilth":
        of_table(folder)


def of_corpus(name: str, docs: list[dict], base: dict, engine: str) -> None:
    find_in_text("a@b.org", engine=engine)  # what is made on first use
    start = time.process_time()
    least = 0.35 if engine == "presidio" else 0.4
    found = [find_in_text(doc["text"], engine=engine, least=least) for doc in docs]
    seconds = time.process_time() - start
    gold, hit, told, right = Counter(), Counter(), Counter(), Counter()
    stray = Counter()
    covered = labelled = 0
    for doc, findings in zip(docs, found, strict=True):
        marks = {i for s in doc["spans"] for i in range(s["start"], s["end"])}
        labelled += len(marks)
        covered += len(marks & {i for f in findings for i in range(f.start, f.end)})
        for span in doc["spans"]:
            gold[span["type"]] += 1
            hit[span["type"]] += any(f.type == OURS.get(span["type"]) and fits(f, span) for f in findings)
        for f in findings:
            told[f.type] += 1
            ok = any(OURS.get(s["type"]) == f.type and fits(f, s) for s in doc["spans"])
            right[f.type] += ok
            if not ok and f.type not in OURS.values():
                stray[f.type] += 1
    print(
        f"\n{name}: {len(docs):,} texts, {len(docs) / seconds:,.0f} per CPU s (Presidio {base['docs_per_cpu_s']:,.0f}); "
        f"characters of labelled spans covered {covered / labelled:.1%} (Presidio {base['threshold_0.35']['char_recall_any_type']:.1%})"
    )
    print(f"{'label':20}{'n':>6}  {'recall':>7} {'precision':>10}   {'Presidio':>9} {'precision':>10}")
    theirs = base["threshold_0.35"]["per_entity"]
    for label, n in sorted(gold.items(), key=lambda item: -item[1]):
        kind = OURS.get(label)
        precision = right[kind] / told[kind] if kind and told[kind] else None
        their = theirs.get(BASELINE.get(label, label), {})
        print(
            f"{label:20}{n:>6}  {hit[label] / n:>7.3f} {said(precision):>10}   {said(their.get('recall')):>9} {said(their.get('precision')):>10}"
        )
    print("found without a label of their type:", dict(stray) or "nothing")


def of_table(folder: Path) -> None:
    truth = json.loads((folder / "table_labels_and_baseline.json").read_text())
    path = text(str(folder / "fakename_3000.csv"))
    con = connect()
    con.execute(f"CREATE TABLE people AS FROM read_csv({path}, all_varchar = true)")
    start = time.process_time()
    report = find(con, "people")
    seconds = time.process_time() - start
    base = truth["presidio_no_op"]["fakename_3000"]["columns"]
    cells = report.rows * len(report.columns)
    print(f"\nfakename_3000: {cells:,} cells, {cells / seconds:,.0f} per CPU s")
    print(f"{'column':22} {'truth':22} {'ours (share, confidence)':44} Presidio by value")
    right = wrong = missed = 0
    for column in report.columns:
        wanted = truth["truth"][column.name]
        best = column.entities[0] if column.entities else None
        right += best is not None and best.type == wanted
        wrong += best is not None and best.type != wanted
        missed += best is None and wanted is not None
        if wanted or best:
            ours = f"{best.type} ({best.share:.2f}, {best.confidence:.2f})" if best else "-"
            share = base.get(column.name, {}).get("share", {})
            top = max(share, key=share.get, default="-")
            print(f"{column.name:22} {wanted or '-':22} {ours:44} {top} {share.get(top, '')}")
    print(f"first guess right {right}, wrong {wrong}, missed {missed} of {len(report.columns)} columns")


def fits(finding, span: dict) -> bool:
    within = finding.start <= span["start"] and span["end"] <= finding.end
    return overlap(finding, span) >= 0.5 or (finding.type == "AGE" and within)


def overlap(finding, span: dict) -> float:
    """Return the shared part of two spans over their union (0-1)."""
    shared = min(finding.end, span["end"]) - max(finding.start, span["start"])
    return max(shared, 0) / (max(finding.end, span["end"]) - min(finding.start, span["start"]))


def said(value) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    given = sys.argv[1:]
    named = given.pop() if given and given[-1] in ("tilth", "presidio", "both") else "tilth"
    main(Path(given[0]) if given else Path(__file__).parents[2] / "shared/data/pii", named)
