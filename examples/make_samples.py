"""Write the two sample tables, an app store and its reviews, as dirty as such tables are. All names are invented.

    python examples/make_samples.py [FOLDER]         # default: examples/samples

The same bytes every time: one seed, no clock. `apps.csv` has 10,000 data lines, of which one is shifted by a column (it
has a field too few); `reviews.csv` has 60,000.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SEED = 20240229
APPS, REVIEWS = 10_000, 60_000
EXACT_COPIES, NEAR_COPIES = 310, 420
SHIFTED_LINE = 7_342  # place among the apps, counted from 0

APP_COLUMNS = [
    "App",
    "Category",
    "Rating",
    "Reviews",
    "Size",
    "Installs",
    "Type",
    "Price",
    "Content Rating",
    "Genres",
    "Last Updated",
    "Current Ver",
    "Android Ver",
]
REVIEW_COLUMNS = ["App", "Translated_Review", "Sentiment", "Sentiment_Polarity", "Sentiment_Subjectivity"]

CATEGORIES = {
    "GAME": ["Action", "Arcade", "Puzzle", "Racing", "Casual", "Board", "Word", "Strategy"],
    "FAMILY": ["Education", "Casual", "Puzzle", "Entertainment"],
    "TOOLS": ["Tools"],
    "BUSINESS": ["Business"],
    "MEDICAL": ["Medical"],
    "PRODUCTIVITY": ["Productivity"],
    "PERSONALIZATION": ["Personalization"],
    "LIFESTYLE": ["Lifestyle"],
    "FINANCE": ["Finance"],
    "SPORTS": ["Sports"],
    "COMMUNICATION": ["Communication"],
    "HEALTH_AND_FITNESS": ["Health & Fitness"],
    "PHOTOGRAPHY": ["Photography"],
    "NEWS_AND_MAGAZINES": ["News & Magazines"],
    "SOCIAL": ["Social"],
    "BOOKS_AND_REFERENCE": ["Books & Reference"],
    "TRAVEL_AND_LOCAL": ["Travel & Local"],
    "SHOPPING": ["Shopping"],
    "ART_AND_DESIGN": ["Art", "Design"],
    "WEATHER": ["Weather"],
    "FOOD_AND_DRINK": ["Food & Drink"],
    "AUTO_AND_VEHICLES": ["Auto & Vehicles"],
}
FIRST = [
    "Amber",
    "Brisk",
    "Cobalt",
    "Dawn",
    "Ember",
    "Fern",
    "Glimmer",
    "Hazel",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Lumen",
    "Maple",
    "Nimbus",
    "Orchard",
    "Pebble",
    "Quill",
    "Rivulet",
    "Saffron",
    "Thistle",
    "Umber",
    "Velvet",
    "Willow",
    "Yarrow",
    "Zephyr",
    "Größe",
    "Señal",
    "Crème",
    "Żuraw",
    "Ørsted",
]
SECOND = [
    "Atlas",
    "Beacon",
    "Canvas",
    "Diary",
    "Engine",
    "Forge",
    "Garden",
    "Harbor",
    "Island",
    "Journal",
    "Keeper",
    "Ledger",
    "Mosaic",
    "Notes",
    "Orbit",
    "Planner",
    "Quest",
    "Radar",
    "Studio",
    "Tracker",
    "Universe",
    "Vault",
    "Workshop",
    "Yard",
    "Zone",
]
TAIL = [
    "",
    "",
    "",
    "",
    " Pro",
    " Lite",
    " 2",
    " – Offline",
    " & Friends",
    ", the Game",
    ' "Classic"',
    " (Beta)",
    " 🚀",
    " ✓ Free",
    " for Kids",
    "’s Corner",
    " 日本語",
    " | Widget",
    "; Plus",
    " @Home",
]
INSTALLS = [
    1,
    5,
    10,
    50,
    100,
    500,
    1_000,
    5_000,
    10_000,
    50_000,
    100_000,
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
ANDROID = ["4.0 and up", "4.1 and up", "4.4 and up", "5.0 and up", "2.3 and up", "6.0 and up", "Varies with device"]
GOOD = [
    "Works well",
    "Love it",
    "Great help every day",
    "Simple and quick",
    "Best one so far",
    "Very useful, thank you",
    "I like the new colours",
    "Five stars 👍",
    "Does what it says",
]
BAD = [
    "Crashes on start",
    "Too many ads",
    "Lost my data",
    "Slow since the update",
    "Waste of time",
    "Cannot log in",
    "Keeps asking for money",
    "Battery is empty in an hour",
    'It says "error 7", nothing helps',
]
PLAIN = [
    "It is okay",
    "Used it twice",
    "Installed on my tablet",
    "Needs a dark mode",
    "Works, sometimes",
    "No opinion yet",
    "Has maps; has notes",
]


def make_samples(folder: str | Path) -> list[Path]:
    """Write `apps.csv` and `reviews.csv` into `folder` and return their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    apps = _apps(rng)
    paths = [folder / "apps.csv", folder / "reviews.csv"]
    _write(paths[0], APP_COLUMNS, apps)
    _write(paths[1], REVIEW_COLUMNS, _reviews(rng, apps))
    return paths


def _apps(rng: np.random.Generator) -> list[list[str]]:
    """Return the app lines: originals, then exact and near copies, mixed, then one line shifted to the left."""
    categories = list(CATEGORIES)
    weights = np.array([3.0 / (place + 2) for place in range(len(categories))])
    rows, names = [], set()
    while len(rows) < APPS - EXACT_COPIES - NEAR_COPIES:
        name = f"{_pick(rng, FIRST)} {_pick(rng, SECOND)}{_pick(rng, TAIL)}"
        while name in names:
            name += f" {rng.integers(2, 100)}"
        names.add(name)
        rows.append(_app(rng, name, categories[rng.choice(len(categories), p=weights / weights.sum())]))
    for place in rng.choice(len(rows), EXACT_COPIES, replace=False):
        rows.append(list(rows[place]))
    for place in rng.choice(APPS - EXACT_COPIES - NEAR_COPIES, NEAR_COPIES, replace=False):
        rows.append(_near_copy(rng, rows[place]))
    mixed = [rows[place] for place in rng.permutation(len(rows))]
    del mixed[SHIFTED_LINE][1]  # the category is gone, so everything behind it stands one column too far left
    return mixed


def _app(rng: np.random.Generator, name: str, category: str) -> list[str]:
    installs = INSTALLS[min(int(rng.triangular(0, 8, 17)), len(INSTALLS) - 1)]
    reviews = int(installs * rng.beta(1.2, 40))
    quality = float(np.clip(rng.normal(4.2, 0.5), 1, 5))
    rating = "NaN" if reviews < 5 and rng.random() < 0.7 or rng.random() < 0.08 else f"{quality:.1f}"
    free = rng.random() < 0.92
    price = "0" if free else f"${_pick(rng, ['0.99', '1.49', '1.99', '2.99', '4.99', '9.99', '399.99'])}"
    kind = "NaN" if rng.random() < 0.001 else "Free" if free else "Paid"
    updated = date(2018, 8, 8) - timedelta(days=int(rng.exponential(300)))
    version = (
        _pick(rng, ["Varies with device", ""]) if rng.random() < 0.15 else ".".join(map(str, rng.integers(0, 12, 3)))
    )
    genres = CATEGORIES[category]
    genre = (
        ";".join(rng.choice(genres, 2, replace=False)) if len(genres) > 1 and rng.random() < 0.4 else _pick(rng, genres)
    )
    return [
        name,
        category,
        rating,
        str(reviews),
        _size(rng),
        f"{installs:,}+",
        kind,
        price,
        _pick(rng, ["Everyone"] * 8 + ["Teen", "Everyone 10+", "Mature 17+"]),
        genre,
        f"{MONTHS[updated.month - 1]} {updated.day}, {updated.year}",
        version,
        "" if rng.random() < 0.01 else _pick(rng, ANDROID),
    ]


def _size(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.15:
        return "Varies with device"
    if draw < 0.2:
        return f"{rng.integers(10, 1000)}k"
    megabytes = rng.lognormal(2.6, 0.9)
    return f"{megabytes:.1f}M" if megabytes < 10 else f"{min(megabytes, 100):.0f}M"


def _near_copy(rng: np.random.Generator, row: list[str]) -> list[str]:
    """Return the same app as another day's crawl saw it: more reviews, or the name written a little differently."""
    copy = list(row)
    way = rng.integers(3)
    if way == 0:
        copy[3] = str(int(copy[3]) + int(rng.integers(1, 60)))
    elif way == 1:
        copy[0] = f"{copy[0]} " if rng.random() < 0.5 else copy[0].upper()
    else:
        copy[3] = str(int(copy[3]) + int(rng.integers(1, 60)))
        copy[1] = _pick(rng, ["FAMILY", "GAME", "TOOLS"])
    return copy


def _reviews(rng: np.random.Generator, apps: list[list[str]]) -> Iterable[list[str]]:
    """Yield review lines: some apps have many and most have none, and one line in thirty is of an app that is gone."""
    names = sorted({row[0] for row in apps})
    reviewed = rng.choice(len(names), 1_400, replace=False)
    share = rng.pareto(1.5, len(reviewed)) + 0.2
    chosen = reviewed[rng.choice(len(reviewed), REVIEWS, p=share / share.sum())]
    for place in chosen:
        name = (
            names[place]
            if rng.random() >= 1 / 30
            else f"{_pick(rng, FIRST)} {_pick(rng, SECOND)} Gone {rng.integers(1, 90)}"
        )
        if rng.random() < 0.4:
            yield [name, "nan", "nan", "nan", "nan"] if rng.random() < 0.5 else [name, "", "", "", ""]
            continue
        mood = rng.choice(["Positive", "Negative", "Neutral"], p=[0.64, 0.22, 0.14])
        words = _pick(rng, {"Positive": GOOD, "Negative": BAD, "Neutral": PLAIN}[str(mood)])
        extra = _pick(rng, ["", "", ".", "!", "!!!", " :-)", ", really", " on my phone"])
        strength = float(rng.beta(2, 3))
        polarity = {"Positive": strength, "Negative": -strength, "Neutral": 0.0}[str(mood)]
        yield [name, words + extra, str(mood), f"{polarity:.6g}", f"{float(rng.beta(3, 3)):.6g}"]


def _pick(rng: np.random.Generator, items: list[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _write(path: Path, columns: list[str], rows: Iterable[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "samples"
    for made in make_samples(target):
        print(made)
