"""Page Try one: sentiment, confidence and explanation of one typed review."""

from __future__ import annotations

import streamlit as st

from frontend import session, words
from frontend.api.models import Part, PredictionAnswer, Predictions, UnscoredText
from frontend.client import ApiError
from frontend.sections import why

_EXAMPLES = {
    "Happy": "Set up in five minutes and it has not let me down since. I bought a second one for my mother.",
    "Unhappy": "The lid cracked in the first week and support never wrote back. I want my money back.",
    "Mixed": "The sound is lovely, but the battery is flat before lunch and the strap came off twice.",
}


def _example(text: str) -> None:
    st.session_state["one"] = text


def _not_judged(answer: UnscoredText) -> None:
    with st.container(key="card-result"):
        st.html('<div class="rl-verdict" data-testid="verdict">Not judged</div>')
        st.info(
            f"{words.escape(answer.error.message)}. Switch on “Judge all languages” to have it scored all the same; "
            "the model was not validated for this language.",
            icon=":material/translate:",
        )


def _result(text: str, answer: Predictions) -> None:
    prediction = answer.predictions[0]
    if not isinstance(prediction, PredictionAnswer):  # the backend refuses a single text without words
        _not_judged(prediction)
        return
    model = answer.model or {}
    kind = prediction.sentiment
    share = 100 * prediction.positive_score
    below = model.get("needs_review_below")
    with st.container(key="card-result"):
        mixed = f' <span class="rl-tag" title="{words.html(words.MIXED)}">mixed</span>' if prediction.mixed else ""
        st.html(
            f'<div class="rl-verdict rl-{kind}" data-testid="verdict">{kind.capitalize()}{mixed}</div>'
            f'<div class="rl-label">{words.percent(prediction.confidence)} sure</div>'
            f'<div class="rl-meter" style="background:var(--rl-negative)" role="img" '
            f'aria-label="{share:.0f} percent towards positive">'
            f'<div style="width:{share:.1f}%;background:var(--rl-positive)"></div></div>'
            '<div style="display:flex;justify-content:space-between" class="rl-label">'
            f"<span>positive {share:.1f} %</span><span>negative {100 - share:.1f} %</span></div>"
        )
        if mixed:
            st.caption(f"Mixed: {words.MIXED}; on the whole it leans to {kind}.")
        if prediction.needs_review:
            contradicted = below is not None and prediction.confidence >= below
            reason = "A passage in the middle of this long text seems to say the opposite"
            if not contradicted:
                reason = f"The model is less than {words.threshold(below)} sure" if below else "The model is not sure"
            st.warning(
                f"**Needs review.** {reason}, so a person should decide.",
                icon=":material/visibility:",
            )
        elif mixed:
            st.success(f"**The model is sure** that the review leans to {kind}.", icon=":material/check_circle:")
        else:
            st.success("**The model is sure enough.** No person needs to read it.", icon=":material/check_circle:")
        _why(text, prediction.explanation or [])
        name = str(model.get("model_version") or model.get("engine") or "")
        if name:
            st.caption(f"Model: {words.escape(name)}")


def _why(text: str, parts: list[Part]) -> None:
    if parts:
        st.html(
            f'<h4 class="rl-why-title">Why</h4><div class="rl-why" data-testid="why">{why.marked(text, parts)}</div>'
            + why.legend(text, parts)
        )


def main() -> None:
    """Show the text field, the button and the result."""
    st.title("Try one review", anchor=False)
    st.markdown("Type or paste a review. It is scored by the same model as a file.")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.text_area(
            "The review",
            key="one",
            height=190,
            placeholder="What did the customer write?",
            label_visibility="collapsed",
            max_chars=session.settings().max_predict_chars,
        )
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            submitted = st.button("Score it", type="primary", icon=":material/auto_awesome:", key="ask")
            st.caption("or try:", width="content")
            for label, text in _EXAMPLES.items():
                st.button(label, key=f"example-{label}", on_click=_example, args=(text,))
        everything = st.toggle(
            "Judge all languages",
            key="one-all-languages",
            help="Also score a text in a language that the model was not validated for.",
        )
    text = (st.session_state.get("one") or "").strip()
    if submitted and not text:
        right.info("Write a review first.", icon=":material/edit:")
        return
    if submitted:
        try:
            with right, st.spinner("Scoring …"):
                st.session_state["one_answer"] = (text, session.client().predict(text, all_languages=everything))
        except ApiError as error:
            st.session_state.pop("one_answer", None)
            with right:
                session.show_problem(error)
            return
    last = st.session_state.get("one_answer")
    with right:
        if last and last[0] == text:
            _result(*last)
        else:
            with st.container(key="card-result-empty"):
                st.caption(
                    "The result appears here: the sentiment, how sure the model is, whether a person should read the "
                    "review, and which words made the difference."
                )


main()
