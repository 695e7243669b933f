"""Entry point of the UI: `streamlit run frontend/streamlit_app.py`. Checks the log-in, then shows the page."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [root for root in [str(Path(__file__).resolve().parent.parent)] if root not in sys.path]

import streamlit as st  # noqa: E402

from frontend import frame, routes, session, style  # noqa: E402
from frontend.client import ApiError, BackendDown, NotLoggedIn  # noqa: E402


def main() -> None:
    """Show the requested page, or the reason why it cannot be shown."""
    st.set_page_config(page_title="ReviewLens", page_icon=style.ICON, layout="wide")
    style.apply()
    session.logger()
    try:
        name = session.user().name or "you"
    except NotLoggedIn:
        session.forget()
        frame.logged_out()
        return
    except BackendDown:
        frame.backend_down()
        return
    except ApiError as error:
        routes.navigation()
        session.show_problem(error)
        return

    page = routes.navigation(_home)
    frame.sidebar(name)
    try:
        page.run()
    except NotLoggedIn:
        session.forget()
        st.rerun()
    except BackendDown:
        frame.backend_down(bare=False)
    except ApiError as error:
        session.show_problem(error)


def _home() -> None:
    """The root path: the newest dashboard, or the Analyse page if there is none."""
    view = "views/dashboard.py" if frame.newest_finished() else "views/analyse.py"
    st.switch_page(view, query_params=st.query_params.to_dict())


main()
