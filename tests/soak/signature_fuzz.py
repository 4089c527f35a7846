"""R12: altered deliveries against every signed handler; none may get in, and none may break the handler."""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import orjson

from providers.contract import WebhookRequest
from providers.errors import InvalidSignature
from tests.bench.results import Row
from tests.contract.harness import Harness, find_build
from webhooks.handler import TOLERANCE, SigningSecret, WebhookHandler
from webhooks.registry import REGISTRATIONS

FULL_SIZE = 1_000_000
HUGE_BODY_BYTES = 10 * 1024 * 1024
GENUINE_DELIVERIES = 8
_STRANGE = (*"\x00\t\n\r ,;=.:+-_/%'\"\\aAfF0189zZ", "é", "ÿ", "署", "\u0660", "\u200b", "\U0001f4b3", "\udc80", "\ud800")
_NUMBER = re.compile(r"[0-9]{9,12}")


@dataclass(frozen=True, slots=True)
class Target:
    """One handler, genuine deliveries for it, and which headers carry the signature and its time."""

    name: str
    handler: WebhookHandler
    secrets: tuple[SigningSecret, ...]
    url: str
    genuine: tuple[WebhookRequest, ...]
    signed_headers: tuple[str, ...]
    signs_time: bool
    sign: Callable[[bytes, str], WebhookRequest] = field(repr=False)

    def accepts(self, request: WebhookRequest) -> bool:
        """Raises whatever else the handler raises than InvalidSignature."""
        try:
            self.handler.verify(request, self.secrets, url=self.url)
        except InvalidSignature:
            return False
        return True


@contextmanager
def target(name: str) -> Iterator[Target]:
    """The registered handler `name`, with deliveries that its provider really makes."""
    with find_build(name)() as harness:
        bodies = [harness.sample_event() for _ in range(GENUINE_DELIVERIES)]
        secrets = tuple(harness.secrets)
        genuine = tuple(harness.sign(body, secret=secrets[n % len(secrets)].value) for n, body in enumerate(bodies))
        shifted = harness.sign(bodies[0], timestamp_offset_seconds=-1_000).headers
        plain, foreign = harness.sign(bodies[0]).headers, harness.sign(bodies[0], secret="foreign").headers
        signed = tuple(name for name in plain if plain[name] != shifted.get(name) or plain[name] != foreign.get(name))
        yield Target(
            name=name,
            handler=REGISTRATIONS[name].make({}),
            secrets=secrets,
            url=harness.url,
            genuine=genuine,
            signed_headers=signed,
            signs_time=plain != shifted,
            sign=_signer(harness),
        )


def _signer(harness: Harness) -> Callable[[bytes, str], WebhookRequest]:
    return lambda body, secret: harness.sign(body, secret=secret)


# --- ways to alter a delivery; each gives one that the provider never sent ---

Alter = Callable[[Target, WebhookRequest, random.Random], WebhookRequest]


def _body(request: WebhookRequest, body: bytes) -> WebhookRequest:
    return replace(request, body=body)


def _flip_bit(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    altered = bytearray(request.body)
    altered[dice.randrange(len(altered))] ^= 1 << dice.randrange(8)
    return _body(request, bytes(altered))


def _drop_byte(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    place = dice.randrange(len(request.body))
    return _body(request, request.body[:place] + request.body[place + 1 :])


def _insert_byte(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    place = dice.randrange(len(request.body) + 1)
    return _body(request, request.body[:place] + dice.choice((b"\x00", b" ", b"\n", b"0", b"\xff", b'"')) + request.body[place:])


def _cut_body(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    return _body(request, request.body[: dice.randrange(len(request.body))])


def _repeat_part(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    start = dice.randrange(len(request.body))
    return _body(request, request.body + request.body[start:])


def _other_body(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    other = dice.choice([genuine.body for genuine in target.genuine if genuine.body != request.body])
    return _body(request, other)


def _same_meaning(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    """The same JSON in other bytes: what a parser in front of the check would let through."""
    again = orjson.dumps(orjson.loads(request.body), option=dice.choice((orjson.OPT_INDENT_2, orjson.OPT_APPEND_NEWLINE)))
    return _body(request, again if again != request.body else again + b" ")


def _header(request: WebhookRequest, name: str, value: str | None) -> WebhookRequest:
    headers = {known: given for known, given in request.headers.items() if known != name}
    if value is not None:
        headers[name] = value
    return replace(request, headers=headers)


def _strange_character(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    name = dice.choice(target.signed_headers)
    value = request.headers[name]
    place = dice.randrange(len(value) + 1)
    replaced = value[:place] + dice.choice(_STRANGE) + value[place + dice.randrange(2) :]
    return _header(request, name, replaced if replaced != value else value + "x")


def _drop_character(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    name = dice.choice(target.signed_headers)
    value = request.headers[name]
    place = dice.randrange(len(value))
    return _header(request, name, value[:place] + value[place + 1 :])


def _other_case(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    name = dice.choice(target.signed_headers)
    value = request.headers[name]
    changed = dice.choice((value.swapcase(), value.upper(), value.title()))
    return _header(request, name, changed if changed != value else None)


def _missing_or_doubled(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    name = dice.choice(target.signed_headers)
    value = request.headers[name]
    return _header(request, name, dice.choice((None, "", f"{value}, {value}", f"{value},{value}", f"{value}, x", value * 50)))


def _other_signature(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    """A real signature, of another delivery."""
    others = [genuine for genuine in target.genuine if genuine.body != request.body]
    return replace(request, headers=dict(dice.choice(others).headers))


def _foreign_secret(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    secret = dice.choice(target.secrets).value
    guesses = (secret[:-1], secret + "\n", secret.upper(), f" {secret}", "", "whsec_", secret[::-1], target.url)
    guess = dice.choice(guesses)
    return target.sign(request.body, guess if guess != secret else "foreign")


def _moved_time(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    """The time in the header is moved and the signature kept; without a signed time the signature is cut."""
    for name in target.signed_headers:
        value = request.headers[name]
        number = _NUMBER.search(value)
        if number is not None:
            moved = int(number.group()) + dice.choice((-1, 1)) * dice.randrange(1, 10**6)
            text = dice.choice(
                (str(moved), f"0{number.group()}", f"+{number.group()}", f"{number.group()}.0", f"-{number.group()}")
            )
            return _header(request, name, value[: number.start()] + text + value[number.end() :])
    return _drop_character(target, request, dice)


def _stale(target: Target, request: WebhookRequest, dice: random.Random) -> WebhookRequest:
    """Genuine, but received far from its signed time; where no time is signed another body is put under it."""
    if not target.signs_time:
        return _other_body(target, request, dice)
    away = TOLERANCE + timedelta(seconds=2 + dice.randrange(10**7))
    return replace(request, received_at=request.received_at + dice.choice((-1, 1)) * away)


ALTERATIONS: tuple[Alter, ...] = (
    _flip_bit,
    _drop_byte,
    _insert_byte,
    _cut_body,
    _repeat_part,
    _other_body,
    _same_meaning,
    _strange_character,
    _drop_character,
    _other_case,
    _missing_or_doubled,
    _other_signature,
    _foreign_secret,
    _moved_time,
    _stale,
)


@dataclass(slots=True)
class Outcome:
    """`accepted` and `broken` name the alteration and what it made; both must stay empty."""

    tried: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.accepted and not self.broken


def fuzz(target: Target, *, cases: int, seed: int) -> Outcome:
    """`cases` altered deliveries, each way in turn. The same seed gives the same alterations of the same deliveries."""
    dice, outcome, started = random.Random(seed), Outcome(), time.monotonic()
    for n in range(cases):
        alter = ALTERATIONS[n % len(ALTERATIONS)]
        request = alter(target, target.genuine[dice.randrange(len(target.genuine))], dice)
        outcome.tried[alter.__name__] += 1
        try:
            if target.accepts(request):
                outcome.accepted.append(_told(alter, request, target))
        except Exception as problem:
            outcome.broken.append(f"{type(problem).__name__} after {_told(alter, request, target)}")
    outcome.seconds = time.monotonic() - started
    return outcome


def _told(alter: Alter, request: WebhookRequest, target: Target) -> str:
    headers = {name: request.headers.get(name) for name in target.signed_headers}
    return f"{alter.__name__}: {headers!a}"[:300]


def huge(target: Target) -> WebhookRequest:
    """Ten megabytes under a signature that belongs to something smaller."""
    return replace(target.genuine[0], body=b"[" + b"0," * (HUGE_BODY_BYTES // 2) + b"0]")


def measure(cases: int = FULL_SIZE, *, seed: int = 12, names: Sequence[str] = tuple(REGISTRATIONS)) -> list[Row]:
    """One row per handler, as `make soak` prints and keeps them; what got in is told on standard error."""
    made: list[Row] = []
    for name in names:
        with target(name) as aim:
            outcome = fuzz(aim, cases=cases, seed=seed)
            let_in = len(outcome.accepted) + len(outcome.broken) + int(aim.accepts(huge(aim)))
        what = f"R12 {name}: altered deliveries accepted or breaking the handler, of {cases:,}"
        made.append(Row(what, let_in, "deliveries", target=0, passed=let_in == 0))
        for line in (outcome.accepted + outcome.broken)[:10]:
            sys.stderr.write(f"{name}: {line}\n")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.signature_fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=FULL_SIZE, help="altered deliveries per handler (default %(default)s)")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--handler", action="append", choices=tuple(REGISTRATIONS), help="only this one; all unless given")
    options = parser.parse_args(arguments)
    found = measure(options.cases, seed=options.seed, names=options.handler or tuple(REGISTRATIONS))
    for row in found:
        sys.stdout.write(f"{row.name}: {row.value:g} ({'passed' if row.passed else 'FAILED'})\n")
    return 0 if all(row.passed for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
