"""The stages of a job, in order, and their labels."""

from __future__ import annotations

from enum import StrEnum


class JobStage(StrEnum):
    """A stage of a job; the order of the members is the order in which they run."""

    READ = "read"
    CLEAN = "clean"
    DEDUPLICATE = "deduplicate"
    INFER = "infer"
    ASSEMBLE = "assemble"
    PUBLISH = "publish"


STAGE_LABELS: dict[JobStage, str] = {
    JobStage.READ: "Reading the file",
    JobStage.CLEAN: "Cleaning the texts",
    JobStage.DEDUPLICATE: "Finding duplicates",
    JobStage.INFER: "Scoring the reviews",
    JobStage.ASSEMBLE: "Putting the results together",
    JobStage.PUBLISH: "Saving the results",
}
