"""Monthly costs of an installation on AWS: the parts that always run, and the jobs.

List prices in US dollars, US East (N. Virginia), before tax and without free tiers, of 2026; the pages named below have
the current ones.

    python benchmarks/deployment.py --rate REVIEWS_A_SECOND_PER_VCPU --markdown DEPLOYMENT.md
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [root for root in [str(Path(__file__).resolve().parents[1])] if root not in sys.path]

from benchmarks.cost import GB_HOUR, VCPU_HOUR  # noqa: E402
from reviewlens.launch.sizes import LARGEST, size_for  # noqa: E402

HOURS = 730
"""Hours of a month, as AWS bills."""
SPOT_SHARE = 0.3
"""Fargate Spot costs up to 70 % less than the list price, and varies. Page: AWS Fargate Pricing."""
DISK_GB_HOUR = 0.000111
FREE_DISK_GB = 20
"""Free part of a task's disk; the rest is billed by the hour. Page: AWS Fargate Pricing."""
STORED_GB_MONTH = 0.023
PUTS_1000 = 0.005
"""S3 Standard. Page: Amazon S3 Pricing."""
STARTUP_SECONDS = 180
BYTES_PER_REVIEW = 500
"""Bytes of an upload, with its other columns."""
STORED_PER_REVIEW = 2400
"""Bytes of the upload, the cleaned rows, and the results as CSV and Parquet."""
PUTS_PER_JOB, PUTS_PER_SLICE, SLICE_ROWS = 40, 3, 1000
MARKS = ("<!-- costs -->", "<!-- /costs -->")


@dataclass(frozen=True)
class Part:
    """A part that always runs: `sum` is its calculation as text, `dollars` its value per month."""

    name: str
    sum: str
    page: str

    @property
    def dollars(self) -> float:
        """The value of `sum`."""
        total = 0.0
        for term in self.sum.replace("$", "").split(" + "):
            factors = [float(factor) for factor in term.split(" x ")]
            total += math.prod(factors)
        return total


FARGATE = "AWS Fargate Pricing"
ALWAYS = (
    Part("Backend, two tasks of 1 vCPU and 4 GB", f"2 x {HOURS} x $0.04048 + 2 x {HOURS} x 4 x $0.004445", FARGATE),
    Part("UI, two tasks of 0.5 vCPU and 1 GB", f"2 x {HOURS} x 0.5 x $0.04048 + 2 x {HOURS} x $0.004445", FARGATE),
    Part("Load balancer, one capacity unit", f"{HOURS} x $0.0225 + {HOURS} x $0.008", "Elastic Load Balancing Pricing"),
    Part("Three interface endpoints in two zones", f"3 x 2 x {HOURS} x $0.01", "AWS PrivateLink Pricing"),
    Part("Four public addresses, one a task", f"4 x {HOURS} x $0.005", "Amazon VPC Pricing"),
    Part("Container Insights, about 30 metrics", "30 x $0.30", "Amazon CloudWatch Pricing"),
    Part("Alarms on eight metrics, four metrics of one's own", "8 x $0.10 + 4 x $0.30", "Amazon CloudWatch Pricing"),
    Part("One key, one secret, one private zone", "$1 + $0.40 + $0.50", "AWS KMS, Secrets Manager, Route 53 Pricing"),
    Part("Two GB of logs, six GB of images", "2 x $0.50 + 6 x $0.10", "Amazon CloudWatch, Amazon ECR Pricing"),
)
SMALLEST = (
    Part("Backend, one task", f"{HOURS} x $0.04048 + {HOURS} x 4 x $0.004445", FARGATE),
    Part("UI, one task", f"{HOURS} x 0.5 x $0.04048 + {HOURS} x $0.004445", FARGATE),
    ALWAYS[2],
    Part("Two public addresses, one a task", f"2 x {HOURS} x $0.005", "Amazon VPC Pricing"),
    *ALWAYS[5:],
)
ONE_MACHINE = (
    Part("m7i.large, 2 vCPU and 8 GB", f"{HOURS} x $0.1008", "Amazon EC2 On-Demand Pricing"),
    Part("50 GB of gp3 disk", "50 x $0.08", "Amazon EBS Pricing"),
    Part("One public address", f"{HOURS} x $0.005", "Amazon VPC Pricing"),
)


@dataclass(frozen=True)
class Month:
    """A month's reviews, in files of equal size."""

    reviews: int
    files: int


MONTHS = (Month(1_000, 1), Month(100_000, 20), Month(10_000_000, 50))


@dataclass(frozen=True)
class Jobs:
    """Resources and costs of a month's jobs."""

    month: Month
    vcpu: float
    gb: float
    seconds: int
    dollars: float
    storage: float
    words: str


def jobs(month: Month, rate: float, *, spot: bool = True) -> Jobs:
    """The jobs of a month: each file is a task of the size that the launcher chooses.

    `rate`: reviews a second of one vCPU. ValueError for a rate of 0 or less.
    """
    if rate <= 0:
        raise ValueError("reviews a second must be above zero")
    rows = math.ceil(month.reviews / month.files)
    size = size_for(rows * BYTES_PER_REVIEW, max_vcpu=LARGEST.cpu // 1024)
    vcpu, gb = size.cpu / 1024, size.memory / 1024
    seconds = max(60, math.ceil(STARTUP_SECONDS + rows / (rate * vcpu)))
    hour = (vcpu * VCPU_HOUR + gb * GB_HOUR) * (SPOT_SHARE if spot else 1) + max(
        0, size.disk - FREE_DISK_GB
    ) * DISK_GB_HOUR
    dollars = month.files * seconds / 3600 * hour
    puts = month.files * (PUTS_PER_JOB + PUTS_PER_SLICE * math.ceil(rows / SLICE_ROWS))
    storage = month.reviews * STORED_PER_REVIEW / 1e9 * STORED_GB_MONTH + puts / 1000 * PUTS_1000
    words = (
        f"{month.files} x ({STARTUP_SECONDS} + {rows:,} / ({rate:g} x {vcpu:g}) = {seconds:,} s) / 3,600 x ${hour:.5f}"
    )
    return Jobs(month, vcpu, gb, seconds, dollars, storage, words)


def total(parts: Sequence[Part]) -> float:
    """Dollars a month of the parts that always run."""
    return sum(part.dollars for part in parts)


def markdown(rate: float) -> str:
    """The tables as Markdown."""
    lines = [f"Reckoned with {rate:g} reviews a second per vCPU.", "", "| what always runs | sum | $ a month | page |"]
    lines.append("|---|---|---|---|")
    lines += [f"| {part.name} | {part.sum} | {part.dollars:.2f} | {part.page} |" for part in ALWAYS]
    lines.append(f"| **together** | | **{total(ALWAYS):.2f}** | |")
    lines += [
        "",
        "| reviews a month | in files | task | jobs, on Spot | $ | without Spot | S3 | with what always runs |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for month in MONTHS:
        spot, full = jobs(month, rate), jobs(month, rate, spot=False)
        whole = total(ALWAYS) + spot.dollars + spot.storage
        lines.append(
            f"| {month.reviews:,} | {month.files} | {spot.vcpu:g} vCPU, {spot.gb:g} GB | {spot.words} |"
            f" {spot.dollars:.3f} | {full.dollars:.3f} | {spot.storage:.3f} | **{whole:.2f}** |"
        )
    machine = " + ".join(f"{part.name} {part.dollars:.2f}" for part in ONE_MACHINE)
    busy = MONTHS[-1].reviews / (rate * 2) / 3600
    lines += [
        "",
        f"The smallest installation (one backend, one UI, `interface_endpoints = []`): {total(SMALLEST):.2f} a month.",
        "",
        f"One EC2 machine with compose: {machine} = **{total(ONE_MACHINE):.2f}** a month, whatever it does; ten million"
        f" reviews keep its two vCPU busy for {busy:,.1f} of {HOURS} hours.",
    ]
    return "\n".join(lines) + "\n"


def write_into(page: Path, text: str) -> None:
    """Put the tables between the page's two marks; ValueError without them."""
    whole = page.read_text(encoding="utf-8")
    if not all(whole.count(mark) == 1 for mark in MARKS):
        raise ValueError(f"{page} needs the marks {' and '.join(MARKS)}, once each")
    before, after = whole.split(MARKS[0])[0], whole.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, required=True, help="reviews a second of one vCPU, as measured")
    parser.add_argument("--markdown", type=Path, help="page to write the tables into; default: print them")
    options = parser.parse_args(arguments)
    text = markdown(options.rate)
    if options.markdown:
        write_into(options.markdown, text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
