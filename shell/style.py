"""What the theme file cannot say: logo, and a few rules of CSS on keyed containers."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
LOGO = str(HERE / "logo.svg")
ICON = str(HERE / "icon.svg")

CSS = """
.block-container, [data-testid="stMainBlockContainer"] { padding-top: 3.4rem; padding-bottom: 3rem; padding-left: 2.6rem; padding-right: 2.6rem; max-width: 1760px; }
[data-testid="stSidebar"] { width: 232px !important; min-width: 232px !important; }
[data-testid="stSidebarNav"] { padding-top: .25rem; }
[data-testid="stMetric"] { padding: .2rem 0; }
[data-testid="stMetricValue"] { font-size: 1.45rem; font-variant-numeric: tabular-nums; }
[class*="st-key-card_"] { border: 1px solid color-mix(in srgb, currentColor 14%, transparent); border-radius: 12px;
  padding: 1rem 1.15rem; background: color-mix(in srgb, currentColor 2%, transparent); }
[class*="st-key-empty_"] { border: 1px dashed color-mix(in srgb, currentColor 26%, transparent); border-radius: 14px;
  padding: 2.2rem 2rem; text-align: center; }
[class*="st-key-empty_"] [data-testid="stMarkdownContainer"] { margin-inline: auto; max-width: 38rem; }
[class*="st-key-step_on"] { border-left: 3px solid var(--st-primary-color, #23704F); padding-left: .55rem; }
[class*="st-key-step_off"] { border-left: 3px solid color-mix(in srgb, currentColor 20%, transparent); padding-left: .55rem; opacity: .6; }
[class*="st-key-step_bad"] { border-left: 3px solid #C0392B; padding-left: .55rem; }
[class*="st-key-pick_"] button, [class*="st-key-suggest_"] button, [class*="st-key-edit_"] button { justify-content: flex-start; text-align: left; }
[class*="st-key-picker"] { gap: .35rem; }
[class*="st-key-step_"] p { font-size: .93rem; }
[class*="st-key-step_"] button { padding-left: .3rem; padding-right: .3rem; min-height: 1.9rem; }
.tilth-muted { opacity: .68; font-size: .9rem; }
.tilth-chip { display:inline-block; padding:.05rem .5rem; border-radius:999px; font-size:.78rem;
  border:1px solid color-mix(in srgb, currentColor 22%, transparent); margin-right:.3rem; }
"""


def apply() -> None:
    """Put our few rules into the page."""
    st.html(f"<style>{CSS}</style>")
