"""The dashboard page against a real backend."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest

from tests.frontend.conftest import Open, SeededBackend, text_of


def _accounting(app: AppTest) -> list[int]:
    sentence = re.search(r"(\d+) rows? read = (\d+) scored \+ (\d+) duplicates? \+ (\d+) rejected", text_of(app))
    assert sentence, text_of(app)
    return [int(number) for number in sentence.groups()]


def test_the_newest_finished_run_is_shown_first_and_its_counts_add_up(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page()
    assert app.title[0].value.replace("\\", "") == "bare.csv"
    read, scored, duplicate, rejected = _accounting(app)
    assert read == 31 == scored + duplicate + rejected


def test_every_part_of_the_dashboard_says_what_the_file_holds(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full)
    assert _accounting(app) == [90, 87, 1, 2]
    said = text_of(app)
    headings = [heading.value for heading in app.header]
    assert headings == [
        "Over time",
        "What changed most",
        "What drives it",
        "Products",
        "Do text and stars agree?",
        "How sure the model is",
        "Reviews",
        "Rejected rows",
    ]
    board = seeded.backend.call("POST", "/generate_dashboard", json={"job_id": seeded.full})
    assert board["headline"][0] in said.replace("&#x27;", "'")
    agreement = board["agreement"]
    share = f"{100 * agreement['share']:.1f} %"
    half = f"± {50 * (agreement['high'] - agreement['low']):.1f}"
    assert f"{share} <small>{half}</small>" in said
    assert agreement["agrees"] < agreement["compared"]
    assert "2 rows could not be scored" in said
    assert any("Empty" in expander.label or "empty" in expander.label for expander in app.expander)
    assert len(app.get("vega_lite_chart")) >= 7


def test_a_filter_narrows_the_table_and_is_taken_away_by_its_chip(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full)
    app.button_group(key="f-sentiment").set_value("negative").run()
    total = seeded.backend.call("GET", f"/jobs/{seeded.full}/reviews", params={"sentiment": "negative"})["total"]
    assert 0 < total < 88
    assert f"<b>{total}</b> of 88 reviews" in text_of(app)
    table = app.dataframe[0].value
    assert set(table["sentiment"]) == {"▼ negative"}
    assert len(table) == min(total, 25)
    assert '"sentiment": "negative"' in app.query_params["show"]
    app.button(key="chip-sentiment").click().run()
    assert "of 88 reviews" not in text_of(app)
    assert set(app.dataframe[0].value["sentiment"]) == {"▼ negative", "▲ positive"}


def test_words_stars_and_products_filter_together(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full)
    app.text_input(key="f-words").set_value("love").run()
    app.button_group(key="f-rating").set_value([5]).run()
    app.multiselect(key="f-product").set_value(["Fern Kettle"]).run()
    found = seeded.backend.call(
        "GET", f"/jobs/{seeded.full}/reviews", params={"words": "love", "rating": 5, "product": "Fern Kettle"}
    )
    assert found["total"] > 0
    assert f"<b>{found['total']}</b> of 88 reviews" in text_of(app)
    assert {"chip-words", "chip-rating", "chip-product", "chip-all"} <= {button.key for button in app.button}
    assert "<mark>love</mark>" in text_of(app), "the reviews behind the word are shown with the word marked"
    app.button(key="chip-all").click().run()
    assert "show" not in app.query_params


def test_charts_are_redrawn_for_what_the_filter_leaves(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full)
    app.button_group(key="f-sentiment").set_value("positive").run()
    before = text_of(app)
    app.toggle(key="focus").set_value(True).run()
    asked = {"job_id": seeded.full, "filters": {"sentiment": "positive"}}
    board = seeded.backend.call("POST", "/generate_dashboard", json=asked)
    assert f"{board['counts']['hidden']} hidden by the filter" in text_of(app)
    assert "hidden by the filter" not in before


def test_a_filter_that_matches_nothing_offers_the_way_back(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full)
    app.text_input(key="f-words").set_value("zeppelin").run()
    assert "Remove a filter, or clear them all." in text_of(app)
    app.button(key="clear-nothing").click().run()
    assert "Remove a filter, or clear them all." not in text_of(app)
    assert len(app.dataframe[0].value) == 25


def test_a_refresh_keeps_the_filters_of_the_address(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full, show='{"rating": [1]}')
    total = seeded.backend.call("GET", f"/jobs/{seeded.full}/reviews", params={"rating": 1})["total"]
    assert f"<b>{total}</b> of 88 reviews" in text_of(app)


def test_nonsense_in_the_address_is_ignored(seeded: SeededBackend, open_page: Open) -> None:
    for nonsense in ("{", "[1]", '{"rating": 1}', '{"colour": "blue"}'):
        app = open_page("views/dashboard.py", job=seeded.full, show=nonsense)
        assert "of 88 reviews" not in text_of(app)


def test_paging_goes_on_and_back(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full)
    first = list(app.dataframe[0].value["row"])
    app.button(key="page-on").click().run()
    second = list(app.dataframe[0].value["row"])
    assert not set(first) & set(second)
    assert "26–50 of 88" in text_of(app)
    app.button(key="page-back").click().run()
    assert list(app.dataframe[0].value["row"]) == first


def test_a_file_without_dates_stars_or_products_says_so(seeded: SeededBackend, open_page: Open) -> None:
    said = text_of(open_page("views/dashboard.py", job=seeded.bare))
    assert said.count(":material/info:") >= 4
    assert "no dates" in said
    assert "no ratings" in said or "no stars" in said


def test_export_links_lead_to_the_backend_and_work_with_the_session_cookie(
    seeded: SeededBackend, open_page: Open
) -> None:
    import httpx

    app = open_page("views/dashboard.py", job=seeded.full, show='{"sentiment": "negative"}')
    links = {link.proto.id: link.url for link in app.get("link_button")}
    urls = sorted(links.values())
    assert len(urls) == 6
    assert all(url.startswith(f"{seeded.backend.url}/jobs/{seeded.full}/export?") for url in urls)
    for url in urls:
        answer = httpx.get(url, cookies={"reviewlens_access": seeded.backend.access}, trust_env=False)
        assert answer.status_code == 200, url
        if "what=filtered&format=csv" in url:
            assert (
                len(answer.text.strip().splitlines()) - 1
                == seeded.backend.call("GET", f"/jobs/{seeded.full}/reviews", params={"sentiment": "negative"})["total"]
            )


def test_a_failed_run_shows_why(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.failed)
    error = seeded.backend.call("GET", f"/jobs/{seeded.failed}")["error"]
    assert error in text_of(app)


def test_a_run_that_is_gone_is_said_to_be_gone(seeded: SeededBackend, open_page: Open) -> None:
    assert "no longer exists" in text_of(open_page("views/dashboard.py", job="0000nothing0000"))
