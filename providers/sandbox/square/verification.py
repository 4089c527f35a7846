"""Strong customer authentication: the page on which a payer's bank asks for a code before a card payment goes through."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from providers.sandbox.square.errors import ApiFailure
from providers.sandbox.square.payment_sources import CHALLENGE_CODE, DECLINE_TEXTS, VERIFICATION_REQUIRED, Source
from providers.sandbox.square.state import Square

LIFE_SECONDS = 600.0


@dataclass(slots=True, kw_only=True)
class Challenge:
    """A card payment that waits for the payer's answer."""

    source: Source = field(repr=False)
    finish: Callable[[Source], str]
    """Takes the payment; returns where the payer goes then. Raises ApiFailure for a decline."""
    back: str
    """Page to try again on."""
    seller_name: str
    amount: str
    ends_at: float


def begin(square: Square, challenge: Challenge) -> str:
    """Path of the page that asks."""
    token = secrets.token_urlsafe(24)
    square.challenges[token] = challenge
    return f"/verify/{token}"


def ends_at(square: Square) -> float:
    return square.clock.timestamp() + LIFE_SECONDS


def register(app: Flask, square: Square) -> None:
    @app.get("/verify/<token>")
    def verify_page(token: str) -> Response:
        with square.lock:
            challenge = _open(square, token)
        return _gone() if challenge is None else _page(challenge)

    @app.post("/verify/<token>")
    def answer(token: str) -> BaseResponse:
        with square.lock:
            challenge = _open(square, token)
            if challenge is None:
                return _gone()
            del square.challenges[token]
            passed = request.form.get("answer") != "cancel" and request.form.get("code", "").strip() == CHALLENGE_CODE
            declined = replace(challenge.source, decline=(VERIFICATION_REQUIRED, DECLINE_TEXTS[VERIFICATION_REQUIRED]))
            try:
                return redirect(challenge.finish(challenge.source if passed else declined), code=303)
            except ApiFailure as failure:
                code, detail = failure.errors[0]["code"], failure.errors[0]["detail"]
                return _page(challenge, error=DECLINE_TEXTS.get(code, detail), status=402)


def _open(square: Square, token: str) -> Challenge | None:
    challenge: Challenge | None = square.challenges.get(token)
    return challenge if challenge is not None and challenge.ends_at > square.clock.timestamp() else None


def _page(challenge: Challenge, *, error: str | None = None, status: int = 200) -> Response:
    page = render_template("square/verify.html", challenge=challenge, error=error, code=CHALLENGE_CODE)
    return Response(page, status)


def _gone() -> Response:
    reason = "This confirmation has ended. Go back to the payment page and try again."
    return Response(render_template("square/refused.html", reason=reason), 410)
