"""What the hub's web applications answered during the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx
from flask import Flask

from tests.whole_run.search import RUN

A = TypeVar("A", bound=Flask)


def searched(app: A) -> A:
    """The same application; the body of each of its answers is searched."""
    app.wsgi_app = SearchedAnswers(app.wsgi_app)  # type: ignore[method-assign]
    return app


class SearchedAnswers:
    """A WSGI layer that looks at what goes by."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        place = f"answer of {environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}"
        return _Body(self._inner(environ, start_response), place)


class _Body:
    """Searched once it has been read; test clients seldom close an answer."""

    def __init__(self, chunks: Iterable[bytes], place: str) -> None:
        self._chunks = chunks
        self._place = place
        self._seen: list[bytes] | None = []

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._seen is not None:
                self._seen.append(chunk)
            yield chunk
        self._search()

    def close(self) -> None:
        self._search()
        close: Callable[[], Any] | None = getattr(self._chunks, "close", None)
        if close is not None:
            close()

    def _search(self) -> None:
        if self._seen is not None:
            body, self._seen = b"".join(self._seen), None
            search_answer(self._place, body)


def search_answer(place: str, body: bytes) -> None:
    RUN.looked_at["answers"] += 1
    with RUN.timed():
        RUN.text(place, body.decode(errors="replace"))


def search_response(response: httpx.Response) -> None:
    """For the event hooks of a client that speaks to a hub in another process."""
    response.read()
    search_answer(f"answer of {response.request.method} {response.request.url.path}", response.content)
