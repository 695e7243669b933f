"""A crowd of users beside a running job: how long they wait, before a change and with it, in one run.

    python benchmarks/crowd.py --before COMMIT [--hostile] [--markdown docs/performance.md]

Starts the backend of COMMIT, then that of the working tree, each with a job that runs all the time. 100 users poll /me
once a second and have one text after the other scored, for 60 seconds. `--hostile`: one more user has 45 uploads stall
and sends 1,000 texts 45 times at once, all the time. Ends with 1 if the working tree misses the bar: no error but 429,
and 95 % of the answers of /me within 0.5 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.memory import write_reviews
from benchmarks.report import as_markdown, machine, put_section
from benchmarks.texts import made_texts

ROOT = Path(__file__).resolve().parents[1]
SECTION = "crowd"
BAR_SECONDS = 0.5
TIMEOUT_SECONDS = 30.0
STALLED, LARGE, LARGE_TEXTS = 45, 45, 1000


@dataclass
class Answers:
    """Seconds and statuses of the answers by route; status 0 stands for none within 30 seconds."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, route: str, seconds: float, status: int) -> None:
        """One answer."""
        self.seconds[route].append(seconds)
        self.statuses[route][status] += 1

    def at(self, route: str, share: float) -> float:
        """The seconds within which this share of the answers came."""
        ordered = sorted(self.seconds[route])
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def errors(self) -> int:
        """Answers other than 200 and 429."""
        return sum(count for by in self.statuses.values() for status, count in by.items() if status not in (200, 429))


def main() -> int:
    """Run both; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, metavar="COMMIT")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rows", type=int, default=200_000, help="reviews of the job, which must outlast the crowd")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _worktree(options.before, Path(folder) / "before") as before:
        reviews = Path(folder) / "reviews.csv"
        write_reviews(reviews, options.rows, 300)
        outcomes = {}
        for name, tree in (("before", before), ("with the change", ROOT)):
            with _backend(tree, Path(folder) / f"data {name}", options.engine) as (url, key):
                outcomes[name] = asyncio.run(_crowd(url, key, reviews, options))
    table = _table(outcomes)
    sys.stdout.write(table + "\n")
    if options.markdown:
        put_section(options.markdown, SECTION, f"{machine()}\n\n{table}")
    after = outcomes["with the change"]
    return int(after.errors() > 0 or after.at("/me", 0.95) > BAR_SECONDS)


@contextlib.contextmanager
def _worktree(commit: str, path: Path) -> Iterator[Path]:
    subprocess.run(["git", "worktree", "add", "--detach", "--quiet", path, commit], cwd=ROOT, check=True)
    try:
        yield path
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", path], cwd=ROOT, check=True)


@contextlib.contextmanager
def _backend(tree: Path, data: Path, engine: str) -> Iterator[tuple[str, str]]:
    """The backend of a source tree; its address and operator key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "REVIEWLENS_DATA_DIR": str(data),
        "REVIEWLENS_BACKEND_PORT": str(port),
        "REVIEWLENS_ENGINE": engine,
        "REVIEWLENS_LOGIN_ATTEMPTS_PER_MINUTE": "100000",
    }
    url = f"http://127.0.0.1:{port}"
    with (data.parent / f"{data.name}.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend"], cwd=tree, env=environment, stdout=output, stderr=output
        )
    try:
        while not _is_ready(url):
            if process.poll() is not None:
                raise SystemExit(f"the backend of {tree} does not start; see {output.name}")
            time.sleep(0.5)
        yield url, (data / "secrets" / "operator.key").read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


async def _crowd(url: str, key: str, reviews: Path, options: argparse.Namespace) -> Answers:
    async with _client(url) as http:
        headers = [await _log_in(http, key, f"user{number}") for number in range(options.users + 1)]
        *crowd, hostile = headers
        await _start_job(http, crowd[0], reviews)
        answers, texts = Answers(), made_texts(options.users + LARGE_TEXTS).texts
        until = time.monotonic() + options.seconds
        attack = asyncio.ensure_future(_attack(http, hostile, texts[-LARGE_TEXTS:])) if options.hostile else None
        users = zip(crowd, texts, strict=False)
        starts = (number / len(crowd) for number in range(len(crowd)))
        await asyncio.gather(
            *(_user(url, user, text, answers, start, until) for (user, text), start in zip(users, starts, strict=True))
        )
        if attack is not None:
            attack.cancel()
            await asyncio.gather(attack, return_exceptions=True)
        return answers


async def _log_in(http: httpx.AsyncClient, key: str, name: str) -> dict[str, str]:
    link = await http.post("/operator/login-link", json={"username": name}, headers={"X-ReviewLens-Operator": key})
    response = await http.get(link.json()["url"])
    http.cookies.clear()
    return {"Authorization": f"Bearer {response.cookies['reviewlens_access']}"}


async def _start_job(http: httpx.AsyncClient, headers: dict[str, str], reviews: Path) -> None:
    """Submit the job and wait until it scores."""
    query = {"filename": reviews.name}
    sent = await http.post("/uploads", params=query, content=reviews.read_bytes(), headers=headers, timeout=600)
    job = await http.post("/trigger_pipeline", json={"upload_id": sent.json()["upload_id"]}, headers=headers)
    while True:
        state = (await http.get(f"/jobs/{job.json()['job_id']}", headers=headers)).json()
        if (state["progress"] or {}).get("rows_done"):
            return
        if state["state"] not in ("queued", "running"):
            raise SystemExit(f"the job {state['state']}: {state['error']}")
        await asyncio.sleep(1)


def _client(url: str) -> httpx.AsyncClient:
    """A client of its own for each user: one pool of 200 connections would be slower than the backend."""
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False, verify=False)


async def _user(url: str, headers: dict[str, str], text: str, answers: Answers, start: float, until: float) -> None:
    """Polls once a second, and meanwhile has one text after the other scored, with a second in between."""

    async def again_and_again(method: str, path: str, body: dict[str, object] | None) -> None:
        await asyncio.sleep(start)
        while time.monotonic() < until:
            await _ask(http, method, path, headers, answers, body)
            await asyncio.sleep(1)

    async with _client(url) as http:
        await asyncio.gather(
            again_and_again("GET", "/me", None), again_and_again("POST", "/predict-sentiment", {"text": text})
        )


async def _ask(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    headers: dict[str, str],
    answers: Answers,
    body: dict[str, object] | None,
) -> None:
    started = time.monotonic()
    try:
        status = (await http.request(method, path, headers=headers, json=body)).status_code
    except httpx.TransportError:
        status = 0
    answers.add(path, time.monotonic() - started, status)


async def _attack(http: httpx.AsyncClient, headers: dict[str, str], texts: Sequence[str]) -> None:
    """Stalled uploads, and requests of many texts, always so many at once."""

    async def stalls() -> None:
        never = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"Text\n"
            await never.wait()

        while True:
            with contextlib.suppress(httpx.TransportError):
                await http.post("/uploads", params={"filename": "a.csv"}, content=body(), headers=headers, timeout=None)
            await asyncio.sleep(0.5)

    async def sends_many() -> None:
        while True:
            await _ask(http, "POST", "/predict-sentiment", headers, Answers(), {"texts": list(texts)})
            await asyncio.sleep(0.5)

    await asyncio.gather(*(stalls() for _ in range(STALLED)), *(sends_many() for _ in range(LARGE)))


def _table(outcomes: dict[str, Answers]) -> str:
    header = ("backend", "route", "answers", "median, s", "95 %, s", "slowest, s", "statuses")
    cells = []
    for name, answers in outcomes.items():
        for route in sorted(answers.seconds):
            times = (f"{answers.at(route, share):.3f}" for share in (0.5, 0.95, 1.0))
            by_status = sorted(answers.statuses[route].items())
            statuses = ", ".join(f"{count:,} x {status or 'no answer'}" for status, count in by_status)
            cells.append((name, f"`{route}`", f"{len(answers.seconds[route]):,}", *times, statuses))
    return as_markdown(header, cells)


if __name__ == "__main__":
    sys.exit(main())
