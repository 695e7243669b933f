"""inference_summary.json: what a finished job did, written last and only on success.

A job writes every field. A field that is added later needs a default, so that older summaries stay readable.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field, model_validator

from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.contracts.tables import Dialect, Mapping

Count = TypeVar("Count", int, int | None)


class RowCounts(BaseModel, Generic[Count]):
    """rows_read = rows_with_text + rows_rejected, texts_read = rows_scored + rows_duplicate + rows_not_judged.

    A row of the file has several texts if several columns are read as a review each; else texts_read = rows_with_text.
    All are null in a view of an unfinished job.
    """

    rows_read: Count = Field(description="Rows in the file.")
    rows_with_text: Count = Field(description="Rows of the file with at least one text.")
    texts_read: Count = Field(description="Texts that are not rejected; each is a row of served.csv.")
    rows_scored: Count = Field(description="Rows of served.csv whose text was scored.")
    rows_duplicate: Count = Field(
        description="Rows of served.csv whose text an earlier one has; they get that one's score."
    )
    rows_not_judged: Count = Field(
        default=0,
        description="Rows of served.csv without a sentiment, in languages that the model was not validated for.",
    )
    rows_rejected: Count = Field(
        description="Rows of the file that were not scored; rejected.csv has each with its reason."
    )
    rows_reused: Count = Field(description="Of the scored rows, those whose score came from an earlier job.")


class Accounting(BaseModel):
    """Every row and text: read = rows_with_text + rejected, texts_read = scored + duplicate + not_judged."""

    read: int = Field(description="Rows in the file.")
    rows_with_text: int = Field(description="Rows of the file with at least one text.")
    texts_read: int = Field(description="Texts that are not rejected.")
    scored: int = Field(description="Texts that were scored in this job.")
    duplicate: int = Field(description="Texts that an earlier row has; they get that row's score.")
    not_judged: int = Field(0, description="Texts in languages that the model was not validated for.")
    rejected: int = Field(description="Rows of the file that were not scored.")
    served: int = Field(description="Texts with a sentiment.")


class SentimentCounts(BaseModel):
    """Served rows by sentiment."""

    positive: int = Field(description="Rows called positive.")
    negative: int = Field(description="Rows called negative.")


class ModelFacts(BaseModel):
    """The model that scored, and its thresholds."""

    engine: str = Field("", description="The engine that ran the model.")
    name: str = Field("", description="The model's name.")
    version: str = Field("", description="The model's version.")
    needs_review_below: float | None = Field(
        None, description="Confidence below which a person should read the review."
    )
    mixed_band: tuple[float, float] | None = Field(
        None, description="Band of scores, both ends included, that is called mixed; null: nothing is."
    )
    languages: tuple[str, ...] = Field(MODEL_LANGUAGES, description="Languages that the model was validated for.")
    fallback: bool = Field(False, description="Whether the slower, full precision had to be used.")

    @property
    def title(self) -> str:
        """Name and version."""
        return " ".join(dict.fromkeys(part for part in (self.name, self.version) if part))


class ScoringModel(ModelFacts):
    """The model that scored, and what pins its content."""

    sha256: str = Field("", description="SHA-256 of the bundle; empty for textblob.")


class ServedColumn(BaseModel):
    """A column of the file and its name in served.csv."""

    index: int = Field(description="Place in the file, counted from 0.")
    name: str = Field(description="Header in the file.")
    served_name: str = Field(description="Name in served.csv.")


class Timings(BaseModel):
    """Seconds spent in each stage, over all attempts. Times are ISO 8601 in UTC."""

    started_at: str = Field(description="Start of the first attempt.")
    attempts: int = Field(description="Attempts so far.")
    read_seconds: float = Field(0.0, description="Seconds in stage read.")
    clean_seconds: float = Field(0.0, description="Seconds in stage clean.")
    deduplicate_seconds: float = Field(0.0, description="Seconds in stage deduplicate.")
    infer_seconds: float = Field(0.0, description="Seconds in stage infer.")
    assemble_seconds: float = Field(0.0, description="Seconds in stage assemble.")
    publish_seconds: float = Field(0.0, description="Seconds in stage publish.")
    total_seconds: float = Field(0.0, description="Seconds in all.")
    start_seconds: float = Field(0.0, description="Seconds in which Spark and the engines started.")
    finished_at: str = Field("", description="When the job finished.")


class Summary(RowCounts[int]):
    """What a finished job did."""

    job: str = Field(description="The job's id.")
    filename: str = Field(description="Name of the uploaded file.")
    distribution: SentimentCounts = Field(description="Number of served rows with each sentiment.")
    needs_review: int = Field(description="Served rows that a person should read.")
    mixed: int = Field(description="Served rows that are mixed.")
    mean_confidence: float | None = Field(description="Mean confidence of the served rows; null without any.")
    rejected_reasons: dict[str, int] = Field(description="Rejected rows by reason.")
    languages: dict[str, int] = Field({}, description="Rows of served.csv by language code, most frequent first.")
    warnings: list[str] = Field(description="Sentences for the user.")
    model: ScoringModel = Field(description="The model that scored.")
    mapping: Mapping = Field(description="Which column has which role.")
    dialect: Dialect = Field(description="How the file is written.")
    columns: list[ServedColumn] = Field(description="The file's columns, in order.")
    ledger: dict[str, int] = Field(description="Bytes of the file by what they were read as.")
    cleaning_version: int = Field(description="Version of the cleaning.")
    submitted_at: str = Field(description="When the job was submitted; ISO 8601, UTC.")
    timings: Timings = Field(description="How long each stage took.")

    @model_validator(mode="before")
    @classmethod
    def _count_one_text_a_row(cls, values: Any) -> Any:
        """Count the texts of an older summary, when every row had one."""
        if (
            isinstance(values, dict)
            and "texts_read" not in values
            and {"rows_scored", "rows_duplicate"} <= values.keys()
        ):
            served = values["rows_scored"] + values["rows_duplicate"] + values.get("rows_not_judged", 0)
            return {**values, "texts_read": served, "rows_with_text": served}
        return values

    @property
    def accounting(self) -> Accounting:
        """Every row of the file, accounted for."""
        return Accounting(
            read=self.rows_read,
            rows_with_text=self.rows_with_text,
            texts_read=self.texts_read,
            scored=self.rows_scored,
            duplicate=self.rows_duplicate,
            not_judged=self.rows_not_judged,
            rejected=self.rows_rejected,
            served=self.rows_scored + self.rows_duplicate,
        )
