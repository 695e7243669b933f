"""Queries on a job's results: filters, a page of reviews, a download."""

from __future__ import annotations

from datetime import date as Date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from reviewlens.insights.words import split_search

MOST_WORDS = 12

Sentiment = Literal["positive", "negative", "not_judged"]
Sort = Literal["row", "-row", "confidence", "-confidence", "date", "-date", "rating", "-rating"]
What = Literal["served", "rejected", "filtered", "report"]
Format = Literal["csv", "parquet", "html"]

Stars = Annotated[int, Field(ge=1, le=5)]
SegmentValue = Annotated[str, StringConstraints(pattern=r"^([0-9]{1,6}|[a-z]{1,20}):")]
Probability = Annotated[float, Field(ge=0, le=1)]


def _as_list(value: object) -> object:
    """A single value becomes a list of one; None an empty list."""
    if value is None:
        return []
    return [value] if isinstance(value, str | int | float) else value


class Filters(BaseModel):
    """Which served rows match; every field given must match (in `rating`, `product` and `language` any one of the
    values).

    `segment`: COLUMN:VALUE, with the column's place in the file, counted from 0, or `product`, `question` or
    `language`; any one of the values of a column, and all columns. An empty VALUE matches rows without a value.

    `mixed`: praise and blame together, or neither clearly.
    `rating`: whole stars; a rating of 3.7 counts as 4. `missing`: rows that lack all of these.
    `words`: all must appear in title or text as whole words, in any case; "in quotes" as a phrase.
    `agreement`: only rows with a positive (4 and above) or negative (2 and below) rating.
    `date_from` and `date_to` are included. A row without a date matches no date filter; the same holds for rating and
    product. Unknown fields are an error.
    """

    model_config = ConfigDict(extra="forbid")

    sentiment: Sentiment | None = Field(
        None, description="Only this sentiment; `not_judged`: reviews in languages that the model does not read."
    )
    language: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]],
        BeforeValidator(_as_list),
        Field(max_length=50, description="Any of these languages, by code."),
    ] = []
    judged: bool | None = Field(None, description="Whether it has a sentiment.")
    min_confidence: Probability | None = Field(None, description="Least confidence.")
    max_confidence: Probability | None = Field(None, description="Highest confidence.")
    needs_review: bool | None = Field(None, description="Whether a person should read it.")
    mixed: bool | None = Field(None, description="Whether it is mixed.")
    rating: Annotated[
        list[Stars], BeforeValidator(_as_list), Field(max_length=5, description="Any of these numbers of stars.")
    ] = []
    product: Annotated[
        list[str], BeforeValidator(_as_list), Field(max_length=200, description="Any of these products.")
    ] = []
    segment: Annotated[
        list[SegmentValue],
        BeforeValidator(_as_list),
        Field(max_length=200, description="COLUMN:VALUE; any value of a column, all columns."),
    ] = []
    question: str | None = Field(
        None, max_length=1000, description="Only answers to this question, the header of a text column."
    )
    date_from: Date | None = Field(None, description="First day.")
    date_to: Date | None = Field(None, description="Last day.")
    words: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = Field(
        "", description="Words and quoted phrases that title or text contain."
    )
    agreement: Literal["agrees", "disagrees"] | None = Field(None, description="Whether model and stars agree.")
    missing: Annotated[
        list[Literal["rating", "date", "product"]],
        BeforeValidator(_as_list),
        Field(max_length=3, description="Values that the row lacks."),
    ] = []

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (
            self.min_confidence is not None
            and self.max_confidence is not None
            and self.min_confidence > self.max_confidence
        ):
            raise ValueError("min_confidence must not be above max_confidence")
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from must not be after date_to")
        if len(split_search(self.words)) > MOST_WORDS:
            raise ValueError(f"words may hold at most {MOST_WORDS} words and phrases")
        if self.words and not split_search(self.words):
            raise ValueError("words needs a letter or a digit (emoji are kept as words, such as: red heart)")
        return self

    @property
    def segment_columns(self) -> set[str]:
        """The columns in `segment`."""
        return {each.partition(":")[0] for each in self.segment}

    @property
    def active(self) -> bool:
        """Whether any filter is set."""
        return self.plain() != Filters()

    def plain(self) -> Filters:
        """The filters without the fields that a query adds."""
        return Filters.model_validate({name: getattr(self, name) for name in Filters.model_fields})


class ReviewQuery(Filters):
    """The query string of GET /jobs/{id}/reviews."""

    sort: Sort = Field("row", description="Order of the reviews; - for descending.")
    limit: int = Field(50, ge=1, le=500)
    cursor: str = Field("", max_length=500)


class ExportQuery(Filters):
    """The query string of GET /jobs/{id}/export."""

    what: What = Field("served", description="Which rows, or the report.")
    format: Format = Field("csv", description="File format.")
