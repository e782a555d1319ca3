"""Where the board comes from: every worker's page over HTTP, all at once, and one board of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from streams.wallboard.board import board_of
from streams.wallboard.figures import Board
from streams.wallboard.history import History
from streams.wallboard.pages import Failure, Page

ANSWER_SECONDS: Final = 5.0
"""How long a worker has for its whole page; the others' are shown no sooner."""
LARGEST_PAGE_BYTES: Final = 64 * 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024

Now = Callable[[Sequence[Page]], float | None]
"""The present as a Unix time, from the pages if need be; None while it is not known."""


def fetch(urls: Iterable[str], *, answer_seconds: float = ANSWER_SECONDS) -> list[Page]:
    """One page per address, in this order. Never raises for a worker that does not answer: its page says why."""
    return asyncio.run(_fetch(urls, answer_seconds))


@dataclass(slots=True)
class Watch:
    """Looks at the same workers again and again."""

    urls: Sequence[str]
    now: Now
    only: Mapping[str, str] = field(default_factory=dict)
    """Label to the one value shown, of ``tenant`` and ``site``."""
    history: History = field(default_factory=History)

    def look(self) -> Board:
        """The board of this moment."""
        pages = fetch(self.urls)
        now = self.now(pages)
        shown = [page.only(**self.only) for page in pages]
        if now is not None:
            self.history.observe(shown, now)
        return board_of(shown, self.history, time.time() if now is None else now)


async def _fetch(urls: Iterable[str], answer_seconds: float) -> list[Page]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=answer_seconds)) as session:
        return await asyncio.gather(*(_page(session, url) for url in urls))


async def _page(session: aiohttp.ClientSession, url: str) -> Page:
    try:
        async with session.get(url) as response:
            if not response.ok:
                return Page(url, failure=Failure.HTTP_ERROR)
            text = await _text(response)
    except TimeoutError:
        return Page(url, failure=Failure.TOO_SLOW)
    except (aiohttp.ClientError, OSError):
        return Page(url, failure=Failure.UNREACHABLE)
    return Page(url, failure=Failure.NOT_A_WORKER) if text is None else Page.read(url, text)


async def _text(response: aiohttp.ClientResponse) -> str | None:
    """The page; None where it is longer than any worker's."""
    read = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        read += chunk
        if len(read) > LARGEST_PAGE_BYTES:
            return None
    return read.decode(errors="replace")
