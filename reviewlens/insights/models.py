"""The models of results: the dashboard, its sections, pages of reviews, and the queries."""

from __future__ import annotations

from datetime import date as Date
from typing import Literal

from pydantic import BaseModel, Field

from reviewlens.contracts.summary import Accounting, ModelFacts
from reviewlens.insights.queries import ExportQuery, Filters, Format, ReviewQuery, Sentiment, Sort, What

__all__ = [
    "Agreement",
    "Bin",
    "Bucket",
    "ByProduct",
    "ByRating",
    "BySegment",
    "Changes",
    "ConfidenceHistogram",
    "Confusion",
    "Counts",
    "Dashboard",
    "Distribution",
    "Drivers",
    "Examples",
    "ExportQuery",
    "Filters",
    "Format",
    "LanguageRow",
    "ModelFacts",
    "OverTime",
    "Period",
    "ProductRow",
    "RatingRow",
    "Reason",
    "RejectedRow",
    "RejectedRows",
    "Review",
    "ReviewPage",
    "ReviewQuery",
    "Section",
    "SegmentRow",
    "Sentiment",
    "ShareChange",
    "Sort",
    "Tally",
    "Term",
    "TermChange",
    "TimePoint",
    "What",
]

Bucket = Literal["day", "week", "month", "quarter", "year"]


class Review(BaseModel):
    """One served row; `text` and `title` are the cleaned texts, `row` is the 1-based record number in the file.

    A record has several reviews, which `question` tells apart, if several columns of text are read as a review each.
    """

    row: int = Field(description="Record number in the file, from 1.")
    question: str | None = Field(
        None, description="Header of the column of the text; null if one text of each record is read."
    )
    review_id: str = Field(description="Id of the review.")
    text: str = Field(description="Cleaned text.")
    title: str | None = Field(None, description="Cleaned title.")
    rating: float | None = Field(None, description="Rating from 1 to 5.")
    date: Date | None = Field(None, description="Date.")
    product: str | None = Field(None, description="Product.")
    sentiment: Literal["positive", "negative", "not judged"] = Field(
        description="The likelier sentiment; `not judged` in a language that the model does not read."
    )
    confidence: float | None = Field(description="Probability of the sentiment; null if not judged.")
    positive_score: float | None = Field(description="Probability of positive; null if not judged.")
    needs_review: bool = Field(description="Whether a person should read it.")
    mixed: bool = Field(description="Whether the score lies in the mixed band.")
    duplicate_of: int | None = Field(None, description="First row with the same text.")
    language: str | None = Field(None, description="Code of its language.")
    not_judged: str | None = Field(None, description="Why it has no sentiment.")


class ReviewPage(BaseModel):
    """A page of the matching reviews; `next_cursor` is None on the last page; `total` counts all matches."""

    reviews: list[Review] = Field(description="The reviews of this page.")
    total: int = Field(description="Number of all matches.")
    next_cursor: str | None = Field(None, description="Cursor of the next page; null on the last.")


class Tally(BaseModel):
    """Counts over some reviews: count = positive + negative.

    `low` to `high` is the 95 % Wilson interval of `positive_share`; all three are None if count is 0. A mixed review
    counts as positive or negative too; `mixed` is 0 if the model has no mixed band.
    """

    count: int = Field(0, description="Reviews.")
    positive: int = Field(0, description="Positive reviews.")
    negative: int = Field(0, description="Negative reviews.")
    needs_review: int = Field(0, description="Reviews that a person should read.")
    mixed: int = Field(0, description="Mixed reviews.")
    positive_share: float | None = Field(None, description="Share of positive reviews.")
    low: float | None = Field(None, description="Lower end of its 95 % interval.")
    high: float | None = Field(None, description="Upper end of its 95 % interval.")


class Section(BaseModel):
    """A part of the dashboard.

    `available` is False if the file lacks the data; `note` then says why, else how to read the part.
    """

    available: bool = Field(True, description="Whether the file has the data for it.")
    note: str = Field("", description="How to read it, or why it is not available.")


class Counts(Accounting):
    """The rows of the file; served = shown + hidden (by the filters). Both have a sentiment."""

    shown: int = Field(description="Reviews with a sentiment that match the filters.")
    hidden: int = Field(description="Reviews with a sentiment that do not match the filters.")
    not_judged_shown: int = Field(0, description="Reviews without a sentiment that match the filters.")


class Distribution(Tally):
    """The sentiment of the rows shown; `mixed_share` is None if the model has no mixed band."""

    mean_confidence: float | None = Field(None, description="Mean confidence.")
    needs_review_share: float | None = Field(None, description="Share of reviews that a person should read.")
    mixed_share: float | None = Field(None, description="Share of mixed reviews; null without a mixed band.")
    note: str = Field("", description="How to read it.")


class TimePoint(Tally):
    """One bucket, `start` to `end` inclusive; an empty bucket has count 0 and no share: a gap in the line."""

    start: Date = Field(description="First day.")
    end: Date = Field(description="Last day.")
    label: str = Field(description="The bucket in words.")


class OverTime(Section):
    """Buckets from the first date to the last, without gaps; sum of counts + `undated` = shown."""

    bucket: Bucket = Field("month", description="Length of a bucket.")
    points: list[TimePoint] = Field([], description="The buckets, oldest first.")
    undated: int = Field(0, description="Reviews without a date.")


class Period(BaseModel):
    """One of the two periods compared; both ends are included."""

    start: Date = Field(description="First day.")
    end: Date = Field(description="Last day.")
    label: str = Field(description="The period in words.")
    tally: Tally = Field(description="Its reviews.")


class ShareChange(BaseModel):
    """A positive share in two periods.

    `difference` = later - earlier (0.1: ten percentage points more), `low` to `high` its 95 % Newcombe interval.
    `p_value`: two-proportion z-test, two-sided; `q_value`: the same after Benjamini-Hochberg over all compared.
    `rising`: words and phrases that the later reviews of this product mention clearly more often.
    """

    name: str = Field(description="The product, or all reviews.")
    earlier: Tally = Field(description="Reviews of the earlier period.")
    later: Tally = Field(description="Reviews of the later period.")
    difference: float = Field(description="Later share less earlier share.")
    low: float = Field(description="Lower end of its 95 % interval.")
    high: float = Field(description="Upper end of its 95 % interval.")
    p_value: float = Field(description="p-value of the change.")
    q_value: float = Field(description="p-value corrected for multiple comparisons.")
    rising: list[str] = Field([], description="Words that the later reviews mention more often.")


class TermChange(BaseModel):
    """How often a word or phrase is mentioned in two periods: `*_mentions` of `*_total` reviews.

    `later_positive_share`: positive share of the later reviews that mention it. Other fields as in ShareChange.
    """

    term: str = Field(description="The word or phrase.")
    earlier_mentions: int = Field(description="Earlier reviews that mention it.")
    earlier_total: int = Field(description="All earlier reviews.")
    later_mentions: int = Field(description="Later reviews that mention it.")
    later_total: int = Field(description="All later reviews.")
    later_positive_share: float | None = Field(description="Positive share of the later reviews that mention it.")
    difference: float = Field(description="Later share less earlier share.")
    low: float = Field(description="Lower end of its 95 % interval.")
    high: float = Field(description="Upper end of its 95 % interval.")
    p_value: float = Field(description="p-value of the change.")
    q_value: float = Field(description="p-value corrected for multiple comparisons.")


class Changes(Section):
    """What changed most between two periods, largest first.

    It lists what is significant after the correction for multiple comparisons; `looked_at_*` count the comparisons.
    """

    earlier: Period | None = Field(None, description="The earlier period.")
    later: Period | None = Field(None, description="The later period.")
    overall: ShareChange | None = Field(None, description="Change of all reviews.")
    products: list[ShareChange] = Field([], description="Products that changed clearly, largest change first.")
    terms: list[TermChange] = Field([], description="Words and phrases that changed clearly, largest change first.")
    looked_at_products: int = Field(0, description="Products compared.")
    looked_at_terms: int = Field(0, description="Words and phrases compared.")
    min_count: int = Field(0, description="Least reviews of a product in each period.")


class SegmentRow(Tally):
    """One value of a segment.

    `difference`: its positive share less that of all other reviews with a value (0.1: ten percentage points more);
    `q_value`: of the two-proportion z-test, two-sided, after Benjamini-Hochberg over all values of all segments. Both
    are None if either side has too few reviews to compare. `clear`: the difference survives that correction.
    """

    value: str = Field(description="The value.")
    mean_rating: float | None = Field(None, description="Mean rating.")
    mean_confidence: float | None = Field(None, description="Mean confidence.")
    difference: float | None = Field(None, description="Share less that of the reviews with other values.")
    q_value: float | None = Field(None, description="p-value of it, corrected for multiple comparisons.")
    clear: bool = Field(False, description="Whether chance hardly explains the difference.")


class BySegment(Section):
    """The values of a segment with the most reviews; sum of rows + `others` + `without_value` = shown.

    `orders`: ways to sort the rows, each a list of values: most_reviews, most_positive, least_positive, name.
    """

    column: str = Field(description="What the filter `segment` calls it: its place in the file, or `product`.")
    name: str = Field(description="Name of the column.")
    rows: list[SegmentRow] = Field([], description="The values with the most reviews.")
    values: int = Field(0, description="Number of values.")
    others: Tally = Field(Tally(), description="Reviews with other values.")
    other_values: int = Field(0, description="Number of other values.")
    without_value: Tally = Field(Tally(), description="Reviews without a value.")
    orders: dict[str, list[str]] = Field({}, description="The values, by way to sort them.")


class ProductRow(Tally):
    """One product."""

    product: str = Field(description="The product.")
    mean_rating: float | None = Field(None, description="Mean rating.")
    mean_confidence: float | None = Field(None, description="Mean confidence.")


class ByProduct(Section):
    """The products with the most reviews; sum of rows + `others` + `without_product` = shown.

    `orders`: ways to sort the rows, each a list of product names: most_reviews, most_positive, least_positive, name.
    """

    rows: list[ProductRow] = Field([], description="The products with the most reviews.")
    products: int = Field(0, description="Number of products.")
    others: Tally = Field(Tally(), description="Reviews of the other products.")
    other_products: int = Field(0, description="Number of other products.")
    without_product: Tally = Field(Tally(), description="Reviews without a product.")
    orders: dict[str, list[str]] = Field({}, description="Names of the products, by way to sort them.")


class RatingRow(Tally):
    """One whole number of stars."""

    stars: int = Field(description="Number of stars.")


class ByRating(Section):
    """Five rows, 5 stars first; sum of rows + `unrated` = shown."""

    rows: list[RatingRow] = Field([], description="One row for each number of stars, 5 first.")
    unrated: Tally = Field(Tally(), description="Reviews without a rating.")
    mean_rating: float | None = Field(None, description="Mean rating.")


class Confusion(BaseModel):
    """Stars compared with the model: 4 and above are positive, 2 and below negative."""

    stars_positive_model_positive: int = Field(0, description="Stars and model positive.")
    stars_positive_model_negative: int = Field(0, description="Stars positive, model negative.")
    stars_negative_model_positive: int = Field(0, description="Stars negative, model positive.")
    stars_negative_model_negative: int = Field(0, description="Stars and model negative.")


class Agreement(Section):
    """How often model and stars agree, with a 95 % Wilson interval.

    compared + left_out + unrated = shown. `left_out`: rated between 2 and 4. `disagreements`: those with the highest
    confidence, highest first; `disagreements_total` counts all.
    """

    compared: int = Field(0, description="Reviews with a positive or negative rating.")
    agrees: int = Field(0, description="Reviews where stars and model agree.")
    share: float | None = Field(None, description="Share of those that agree.")
    low: float | None = Field(None, description="Lower end of its 95 % interval.")
    high: float | None = Field(None, description="Upper end of its 95 % interval.")
    left_out: int = Field(0, description="Reviews rated between 2 and 4.")
    unrated: int = Field(0, description="Reviews without a rating.")
    confusion: Confusion = Field(Confusion(), description="Stars compared with the model.")
    disagreements: list[Review] = Field([], description="Disagreements, highest confidence first.")
    disagreements_total: int = Field(0, description="Number of all disagreements.")


class Term(BaseModel):
    """A word or phrase that is typical of one sentiment; `z` > 0: of positive.

    `log_odds` is the difference that `z` measures in standard errors; counts are reviews that contain the term.
    """

    term: str = Field(description="The word or phrase.")
    words: int = Field(description="Number of words in it.")
    z: float = Field(description="z-score of the log-odds; above 0: typical of positive.")
    log_odds: float = Field(description="Difference of the log-odds.")
    reviews: int = Field(description="Reviews that contain it.")
    positive_reviews: int = Field(description="Positive reviews that contain it.")
    negative_reviews: int = Field(description="Negative reviews that contain it.")


class Drivers(Section):
    """The words and phrases most typical of each sentiment, strongest first.

    `based_on`: reviews counted (if `sampled`, an even sample of those shown); `looked_at`: terms compared.
    """

    positive: list[Term] = Field([], description="Terms typical of positive reviews, strongest first.")
    negative: list[Term] = Field([], description="Terms typical of negative reviews, strongest first.")
    based_on: int = Field(0, description="Reviews counted.")
    sampled: bool = Field(False, description="Whether a sample was counted.")
    looked_at: int = Field(0, description="Terms compared.")


class Bin(BaseModel):
    """Confidence from `low` (inclusive) to `high` (exclusive; the last bin includes 1)."""

    low: float = Field(description="Lower end, included.")
    high: float = Field(description="Upper end, excluded except for 1.")
    count: int = Field(description="Reviews.")
    positive: int = Field(description="Positive reviews.")
    negative: int = Field(description="Negative reviews.")


class ConfidenceHistogram(Section):
    """Sum of counts = shown."""

    bins: list[Bin] = Field([], description="The bins, lowest first.")
    needs_review_below: float | None = Field(
        None, description="Confidence below which a person should read the review."
    )


class Examples(Section):
    """Reviews to read; duplicates appear once."""

    most_confident_positive: list[Review] = Field([], description="Positive reviews with the highest confidence.")
    most_confident_negative: list[Review] = Field([], description="Negative reviews with the highest confidence.")
    least_certain: list[Review] = Field([], description="Reviews with the lowest confidence.")


class RejectedRow(BaseModel):
    """A rejected row; `raw` is cut to a few hundred characters (`cut`)."""

    row: int = Field(description="Record number in the file.")
    explanation: str = Field(description="Why it was rejected.")
    raw: str = Field(description="Start of the raw record.")
    cut: bool = Field(False, description="Whether the record is longer.")


class Reason(BaseModel):
    """Why rows were rejected; `code` is stable, `label` is for people."""

    code: str = Field(description="Stable code.")
    label: str = Field(description="The reason in words.")
    count: int = Field(description="Rows rejected for it.")
    examples: list[RejectedRow] = Field([], description="A few of them.")


class RejectedRows(Section):
    """The rejected rows of the whole file, without filters; sum of reasons = rejected."""

    rejected: int = Field(0, description="Rejected rows.")
    duplicates: int = Field(0, description="Duplicates.")
    reasons: list[Reason] = Field([], description="The reasons, most frequent first.")


class LanguageRow(BaseModel):
    """One language of the file."""

    language: str = Field(description="Its code.")
    name: str = Field(description="Its name.")
    reviews: int = Field(description="Reviews in it, of the whole file.")
    judged: bool = Field(description="Whether they have a sentiment.")


class Dashboard(BaseModel):
    """The dashboard of one job, with the given filters."""

    job: str = Field(description="The job's id.")
    filename: str = Field(description="Name of the uploaded file.")
    finished_at: str = Field(description="When the job finished.")
    model: ModelFacts = Field(description="The model that scored.")
    filters: Filters = Field(description="The active filters.")
    questions: list[str] = Field([], description="Questions that the reviews answer; [] if one text a row is read.")
    counts: Counts = Field(description="The rows of the file.")
    headline: list[str] = Field(description="The most important findings, as sentences.")
    warnings: list[str] = Field(description="Sentences about the file and the job.")
    languages: list[LanguageRow] = Field([], description="The languages of the file, most frequent first.")
    distribution: Distribution = Field(description="Sentiment of the reviews shown.")
    over_time: OverTime = Field(description="Sentiment over time.")
    changes: Changes = Field(description="What changed most between two periods.")
    by_product: ByProduct = Field(description="Sentiment by product.")
    segments: list[BySegment] = Field(description="Sentiment by segment: the product first, as in `by_product`.")
    by_rating: ByRating = Field(description="Sentiment by stars.")
    agreement: Agreement = Field(description="How often model and stars agree.")
    drivers: Drivers = Field(description="Words typical of each sentiment.")
    confidence: ConfidenceHistogram = Field(description="How sure the model is.")
    examples: Examples = Field(description="Reviews to read.")
    set_aside: RejectedRows = Field(description="Rejected rows.")
