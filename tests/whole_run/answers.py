"""What the hub's web applications answered during the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx
from flask import Flask

from tests.whole_run.search import RUN, Search

A = TypeVar("A", bound=Flask)


def searched(app: A, search: Search = RUN) -> A:
    """The same application; the body of each of its answers is searched."""
    app.wsgi_app = SearchedAnswers(app.wsgi_app, search)  # type: ignore[method-assign]
    return app


class SearchedAnswers:
    """A WSGI layer that looks at what goes by. The body is read at once: many tests look at an answer's status only."""

    def __init__(self, inner: WSGIApplication, search: Search) -> None:
        self._inner = inner
        self._search = search

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chunks = self._inner(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            close: Callable[[], Any] | None = getattr(chunks, "close", None)
            if close is not None:
                close()
        self._search.answer(f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}", body)
        return [body]


def search_response(response: httpx.Response) -> None:
    """For the event hooks of a client that speaks to a hub in another process."""
    response.read()
    RUN.answer(f"{response.request.method} {response.request.url.path}", response.content)
