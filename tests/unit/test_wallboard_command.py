"""`filaviva wallboard` against pages served over HTTP: what it prints, its exit status, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.wallboard import wallboard
from streams.wallboard import source
from streams.wallboard.pages import Failure
from tests.wallboard_pages import NINE, Queue, monday, text_of, worker
from tests.worker_process import PROJECT

END_SECONDS = 30
SAC = Queue("sac", "SAC", waiting=3, longest=30.0)


class Serving:
    """A web server that answers every request with what it has at the moment."""

    def __init__(self, text: str, status: int = 200, before: Callable[[], object] = lambda: None) -> None:
        def answer(request: BaseHTTPRequestHandler) -> None:
            before()
            request.send_response(status)
            request.end_headers()
            request.wfile.write(text.encode())

        quiet = {"do_GET": answer, "log_message": lambda *_: None}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (BaseHTTPRequestHandler,), quiet))
        self.place = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.place}/metrics"


@contextmanager
def serving(text: str, status: int = 200, before: Callable[[], object] = lambda: None) -> Iterator[Serving]:
    served = Serving(text, status, before)
    thread = threading.Thread(target=served.server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        thread.join()
        served.server.server_close()


@pytest.fixture
def nobody() -> str:
    """A place where nobody listens."""
    with serving("") as served:
        return served.place


def run(*arguments: str) -> Result:
    return CliRunner().invoke(wallboard, arguments, catch_exceptions=False)


def report(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_the_json_has_every_number_of_the_page() -> None:
    """Of totals and queues, worst first; null where nobody knows."""
    with serving(text_of(monday())) as served:
        told = report(served.place, "--clock", "event")
    assert told["now_seconds"] == NINE - 3
    assert told["workers"] == {"all": 1, "answering": 1, "failures": {}}
    assert told["totals"]["agents_available"] == 9
    assert told["totals"]["complete"] is False
    first, *_ = told["queues"]
    assert (first["queue"], first["state"], first["live"]["waiting_contacts"]) == ("sac-cartoes", "over", 23)
    assert (first["today"]["met"], first["today"]["base"], first["today"]["service_level"]) == (61, 126, 61 / 126)
    assert first["breaches_last_hour"] is None
    (lost,) = (each for each in told["queues"] if each["state"] == "missing")
    assert lost["live"] is lost["today"] is None


def test_it_shows_one_board_in_the_language_asked_for() -> None:
    """Portuguese unless said otherwise; a bare place will do for an address."""
    with serving(text_of(monday())) as served:
        assert "ESTOURO" in run(served.place, "--once").stdout
        assert "OVER" in run(served.url, "--once", "--lang", "en").stdout


def test_a_worker_named_twice_counts_once() -> None:
    """Sums over workers would double."""
    with serving(text_of(worker([SAC]))) as served:
        told = report(served.place, served.url, f"http://{served.place}")
    assert told["workers"]["all"] == 1
    assert told["totals"]["callbacks_pending"] == 12


def test_it_can_show_one_site() -> None:
    """Nothing of the others."""
    with serving(text_of(worker([SAC, Queue("vendas", "Vendas", site="manaus")]))) as served:
        told = report(served.place, "--site", "manaus")
    assert [each["queue"] for each in told["queues"]] == ["vendas"]


def test_without_any_worker_it_says_so_and_fails(nobody: str) -> None:
    """With --once; every address is named."""
    result = run(nobody, "--once")
    assert result.exit_code == 1
    assert f"http://{nobody}/metrics" in result.stdout
    assert run(nobody, "--json").exit_code == 1


def test_one_worker_of_two_is_shown_with_what_is_missing(nobody: str) -> None:
    """The board of those that answer, and exit status 0."""
    with serving(text_of(worker([SAC]))) as served:
        told = report(served.place, nobody)
    assert told["workers"]["failures"] == {f"http://{nobody}/metrics": "unreachable"}
    assert told["totals"]["complete"] is False


def test_each_failure_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error, something else than a worker, a page without end; none of them stops the others."""
    monkeypatch.setattr(source, "LARGEST_PAGE_BYTES", 100_000)
    endless = text_of(worker([SAC])) * 50
    with serving("", 503) as broken, serving("<html>") as other, serving(endless) as long:
        pages = source.fetch([broken.url, other.url, long.url])
    assert [page.failure for page in pages] == [Failure.HTTP_ERROR, Failure.NOT_A_WORKER, Failure.NOT_A_WORKER]


def test_a_worker_that_takes_too_long_is_not_waited_for() -> None:
    """The others are shown after the deadline."""
    release = threading.Event()
    with serving("late", before=lambda: release.wait(END_SECONDS)) as slow, serving(text_of(worker([SAC]))) as fast:
        pages = source.fetch([slow.url, fast.url], answer_seconds=0.5)
        release.set()
    assert [page.failure for page in pages] == [Failure.TOO_SLOW, None]


@pytest.mark.parametrize("url", ["ftp://worker:9108", "http://", "worker:port", "http://worker:99999/metrics"])
def test_an_address_that_cannot_be_is_named(url: str) -> None:
    """Before anything is asked."""
    result = run(url, "--once")
    assert result.exit_code == 2
    assert url in result.stderr


def test_a_picture_goes_with_one_board(tmp_path: Path) -> None:
    """As SVG, in the width asked for, with no font from elsewhere; without --once there is no moment to take it of."""
    picture = tmp_path / "wall.svg"
    with serving(text_of(monday())) as served:
        assert run(served.place, "--once", "--width", "160", "--svg", str(picture)).exit_code == 0
    drawn = picture.read_text(encoding="utf-8")
    assert "ESTOURO" in drawn
    assert "@font-face" not in drawn
    assert "url(http" not in drawn
    assert run("--svg", str(picture)).exit_code == 2


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_told_to_stop(told: signal.Signals) -> None:
    """One board after the other, then a clean end without a traceback."""
    with serving(text_of(monday())) as served:
        command = [sys.executable, "-m", "streams", "wallboard", served.place, "--interval", "0.2"]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout
        for _board in range(2):
            while "Aban =" not in process.stdout.readline():
                assert process.poll() is None
        process.send_signal(told)
        _, errors = process.communicate(timeout=END_SECONDS)
    assert (process.returncode, errors) == (0, "")
