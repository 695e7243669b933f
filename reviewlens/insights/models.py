"""The models of results: the dashboard, its sections, pages of reviews, and the queries."""

from __future__ import annotations

from datetime import date as Date
from typing import Literal

from pydantic import BaseModel

from reviewlens.contracts.summary import Accounting, ModelFacts
from reviewlens.insights.queries import ExportQuery, Filters, Format, ReviewQuery, Sentiment, Sort, What

__all__ = [
    "Agreement",
    "Bin",
    "Bucket",
    "ByProduct",
    "ByRating",
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
    "ModelFacts",
    "OverTime",
    "Period",
    "ProductRow",
    "RatingRow",
    "Reason",
    "RejectedRow",
    "Review",
    "ReviewPage",
    "ReviewQuery",
    "Section",
    "Sentiment",
    "SetAside",
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
    """One served row; `text` and `title` are the cleaned texts, `row` is the 1-based record number in the file."""

    row: int
    review_id: str
    text: str
    title: str | None = None
    rating: float | None = None
    date: Date | None = None
    product: str | None = None
    sentiment: Sentiment
    confidence: float
    positive_score: float
    needs_review: bool
    mixed: bool
    duplicate_of: int | None = None


class ReviewPage(BaseModel):
    """A page of the matching reviews; `next_cursor` is None on the last page; `total` counts all matches."""

    reviews: list[Review]
    total: int
    next_cursor: str | None = None


class Tally(BaseModel):
    """Counts over some reviews: count = positive + negative.

    `low` to `high` is the 95 % Wilson interval of `positive_share`; all three are None if count is 0. A mixed review
    counts as positive or negative too; `mixed` is 0 if the model has no mixed band.
    """

    count: int = 0
    positive: int = 0
    negative: int = 0
    needs_review: int = 0
    mixed: int = 0
    positive_share: float | None = None
    low: float | None = None
    high: float | None = None


class Section(BaseModel):
    """A part of the dashboard.

    `available` is False if the file lacks the data; `note` then says why, else how to read the part.
    """

    available: bool = True
    note: str = ""


class Counts(Accounting):
    """The rows of the file; served = shown + hidden (by the filters)."""

    shown: int
    hidden: int


class Distribution(Tally):
    """The sentiment of the rows shown; `mixed_share` is None if the model has no mixed band."""

    mean_confidence: float | None = None
    needs_review_share: float | None = None
    mixed_share: float | None = None
    note: str = ""


class TimePoint(Tally):
    """One bucket, `start` to `end` inclusive; an empty bucket has count 0 and no share: a gap in the line."""

    start: Date
    end: Date
    label: str


class OverTime(Section):
    """Buckets from the first date to the last, without gaps; sum of counts + `undated` = shown."""

    bucket: Bucket = "month"
    points: list[TimePoint] = []
    undated: int = 0


class Period(BaseModel):
    """One of the two periods compared; both ends are included."""

    start: Date
    end: Date
    label: str
    tally: Tally


class ShareChange(BaseModel):
    """A positive share in two periods.

    `difference` = later - earlier (0.1: ten percentage points more), `low` to `high` its 95 % Newcombe interval.
    `p_value`: two-proportion z-test, two-sided; `q_value`: the same after Benjamini-Hochberg over all compared.
    `rising`: words and phrases that the later reviews of this product mention clearly more often.
    """

    name: str
    earlier: Tally
    later: Tally
    difference: float
    low: float
    high: float
    p_value: float
    q_value: float
    rising: list[str] = []


class TermChange(BaseModel):
    """How often a word or phrase is mentioned in two periods: `*_mentions` of `*_total` reviews.

    `later_positive_share`: positive share of the later reviews that mention it. Other fields as in ShareChange.
    """

    term: str
    earlier_mentions: int
    earlier_total: int
    later_mentions: int
    later_total: int
    later_positive_share: float | None
    difference: float
    low: float
    high: float
    p_value: float
    q_value: float


class Changes(Section):
    """What changed most between two periods, largest first.

    It lists what is significant after the correction for multiple comparisons; `looked_at_*` count the comparisons.
    """

    earlier: Period | None = None
    later: Period | None = None
    overall: ShareChange | None = None
    products: list[ShareChange] = []
    terms: list[TermChange] = []
    looked_at_products: int = 0
    looked_at_terms: int = 0
    min_count: int = 0


class ProductRow(Tally):
    """One product."""

    product: str
    mean_rating: float | None = None
    mean_confidence: float | None = None


class ByProduct(Section):
    """The products with the most reviews; sum of rows + `others` + `without_product` = shown.

    `orders`: ways to sort the rows, each a list of product names: most_reviews, most_positive, least_positive, name.
    """

    rows: list[ProductRow] = []
    products: int = 0
    others: Tally = Tally()
    other_products: int = 0
    without_product: Tally = Tally()
    orders: dict[str, list[str]] = {}


class RatingRow(Tally):
    """One whole number of stars."""

    stars: int


class ByRating(Section):
    """Five rows, 5 stars first; sum of rows + `unrated` = shown."""

    rows: list[RatingRow] = []
    unrated: Tally = Tally()
    mean_rating: float | None = None


class Confusion(BaseModel):
    """Stars compared with the model: 4 and above are positive, 2 and below negative."""

    stars_positive_model_positive: int = 0
    stars_positive_model_negative: int = 0
    stars_negative_model_positive: int = 0
    stars_negative_model_negative: int = 0


class Agreement(Section):
    """How often model and stars agree, with a 95 % Wilson interval.

    compared + left_out + unrated = shown. `left_out`: rated between 2 and 4. `disagreements`: those with the highest
    confidence, highest first; `disagreements_total` counts all.
    """

    compared: int = 0
    agrees: int = 0
    share: float | None = None
    low: float | None = None
    high: float | None = None
    left_out: int = 0
    unrated: int = 0
    confusion: Confusion = Confusion()
    disagreements: list[Review] = []
    disagreements_total: int = 0


class Term(BaseModel):
    """A word or phrase that is typical of one sentiment; `z` > 0: of positive.

    `log_odds` is the difference that `z` measures in standard errors; counts are reviews that contain the term.
    """

    term: str
    words: int
    z: float
    log_odds: float
    reviews: int
    positive_reviews: int
    negative_reviews: int


class Drivers(Section):
    """The words and phrases most typical of each sentiment, strongest first.

    `based_on`: reviews counted (if `sampled`, an even sample of those shown); `looked_at`: terms compared.
    """

    positive: list[Term] = []
    negative: list[Term] = []
    based_on: int = 0
    sampled: bool = False
    looked_at: int = 0


class Bin(BaseModel):
    """Confidence from `low` (inclusive) to `high` (exclusive; the last bin includes 1)."""

    low: float
    high: float
    count: int
    positive: int
    negative: int


class ConfidenceHistogram(Section):
    """Sum of counts = shown."""

    bins: list[Bin] = []
    needs_review_below: float | None = None


class Examples(Section):
    """Reviews to read; duplicates appear once."""

    most_confident_positive: list[Review] = []
    most_confident_negative: list[Review] = []
    least_certain: list[Review] = []


class RejectedRow(BaseModel):
    """A rejected row; `raw` is cut to a few hundred characters (`cut`)."""

    row: int
    explanation: str
    raw: str
    cut: bool = False


class Reason(BaseModel):
    """Why rows were rejected; `code` is stable, `label` is for people."""

    code: str
    label: str
    count: int
    examples: list[RejectedRow] = []


class SetAside(Section):
    """The rejected rows of the whole file, without filters; sum of reasons = rejected."""

    rejected: int = 0
    duplicates: int = 0
    reasons: list[Reason] = []


class Dashboard(BaseModel):
    """The dashboard of one job, with the given filters."""

    job: str
    filename: str
    finished_at: str
    model: ModelFacts
    filters: Filters
    counts: Counts
    headline: list[str]
    warnings: list[str]
    distribution: Distribution
    over_time: OverTime
    changes: Changes
    by_product: ByProduct
    by_rating: ByRating
    agreement: Agreement
    drivers: Drivers
    confidence: ConfidenceHistogram
    examples: Examples
    set_aside: SetAside
