"""The router: page frame and navigation by the flow of work. Page scripts live in ../pages (see ARCHITECTURE.md)."""

from __future__ import annotations

import streamlit as st

from shell import style
from shell.state import state

st.set_page_config(page_title="Tilth", page_icon=style.ICON, layout="wide", initial_sidebar_state="expanded")
st.logo(style.LOGO, icon_image=style.ICON, size="large")
style.apply()
state()

PAGES = {
    "": [st.Page("../pages/home.py", title="Home", icon=":material/home:", default=True)],
    "Prepare": [
        st.Page("../pages/data.py", title="Data", icon=":material/database:", url_path="data"),
        st.Page("../pages/prepare.py", title="Prepare", icon=":material/water_drop:", url_path="prepare"),
        st.Page("../pages/reference.py", title="Transforms", icon=":material/menu_book:", url_path="transforms"),
    ],
    "Understand": [
        st.Page("../pages/explore.py", title="Explore", icon=":material/bar_chart:", url_path="explore"),
        st.Page("../pages/quality.py", title="Quality", icon=":material/fact_check:", url_path="quality"),
        st.Page("../pages/privacy.py", title="Privacy", icon=":material/shield_person:", url_path="privacy"),
        st.Page("../pages/bias.py", title="Bias", icon=":material/balance:", url_path="bias"),
    ],
    "Label": [st.Page("../pages/label.py", title="Label", icon=":material/draw:", url_path="label")],
    "Deliver": [
        st.Page("../pages/features.py", title="Features", icon=":material/inventory_2:", url_path="features"),
        st.Page("../pages/models.py", title="Models", icon=":material/model_training:", url_path="models"),
    ],
    "Operate": [st.Page("../pages/runs.py", title="Runs", icon=":material/history:", url_path="runs")],
}

st.navigation(PAGES, expanded=True).run()
