"""The UI's entry: `streamlit run frontend/streamlit_app.py`. Settles who is logged in, then shows one of four pages."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [root for root in [str(Path(__file__).resolve().parent.parent)] if root not in sys.path]

import streamlit as st  # noqa: E402

from frontend import doors, session, style  # noqa: E402
from frontend.client import ApiError, BackendDown, NotLoggedIn  # noqa: E402

# Not in a folder named `pages`: Streamlit would run such a file by itself, past the log-in, when it is asked for first.
PAGES = {
    "dashboard": ("views/dashboard.py", "Dashboard", ":material/monitoring:"),
    "analyse": ("views/analyse.py", "Analyse", ":material/upload_file:"),
    "runs": ("views/runs.py", "Runs", ":material/history:"),
    "try": ("views/try_one.py", "Try one", ":material/edit_note:"),
}


def main() -> None:
    """Show the page that was asked for, or say why it cannot be shown."""
    st.set_page_config(page_title="ReviewLens", page_icon=style.ICON, layout="wide")
    style.apply()
    session.logger()
    try:
        name = str(session.person().get("name") or "you")
        has_results = doors.newest_finished() is not None
    except NotLoggedIn:
        session.forget()
        doors.logged_out()
        return
    except BackendDown:
        doors.backend_down()
        return
    except ApiError as error:
        doors.bare_page()
        session.show_problem(error)
        return

    first = "dashboard" if has_results else "analyse"
    page = st.navigation(
        [
            st.Page(path, title=title, icon=icon, url_path=url, default=url == first)
            for url, (path, title, icon) in PAGES.items()
        ]
    )
    doors.sidebar(name)
    try:
        page.run()
    except NotLoggedIn:
        session.forget()
        st.rerun()
    except BackendDown:
        doors.backend_down(bare=False)
    except ApiError as error:
        session.show_problem(error)


main()
