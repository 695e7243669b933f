"""The UI's entry: `streamlit run frontend/streamlit_app.py`. Settles who is logged in, then shows one of four pages."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [root for root in [str(Path(__file__).resolve().parent.parent)] if root not in sys.path]

import streamlit as st  # noqa: E402

from frontend import doors, routes, session, style  # noqa: E402
from frontend.client import ApiError, BackendDown, NotLoggedIn  # noqa: E402


def main() -> None:
    """Show the page that was asked for, or say why it cannot be shown."""
    st.set_page_config(page_title="ReviewLens", page_icon=style.ICON, layout="wide")
    style.apply()
    session.logger()
    try:
        name = session.person().name or "you"
    except NotLoggedIn:
        session.forget()
        doors.logged_out()
        return
    except BackendDown:
        doors.backend_down()
        return
    except ApiError as error:
        routes.navigation()
        session.show_problem(error)
        return

    page = routes.navigation(_home)
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


def _home() -> None:
    """The bare address: the newest dashboard, or, while there is none, the page that makes the first one."""
    view = "views/dashboard.py" if doors.newest_finished() else "views/analyse.py"
    st.switch_page(view, query_params=st.query_params.to_dict())


main()
