"""One request to the API, or one act of the merchant or a payer, with all that carries it out needs to know."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.store import Record, Store
from providers.sandbox.stripe.world import API_VERSION, Account, World

WEBHOOKS_ARRIVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """params: validated values by name; ids: the ids in the path by their template names.

    application: client id of the platform when it acts for a connected account, else None.
    """

    world: World
    account: Account
    livemode: bool
    params: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    request_id: str | None = None
    idempotency_key: str | None = None
    application: str | None = None
    path: str = ""
    version: str = API_VERSION
    """Stripe-Version of the request: the shape of its answer."""
    at: int | None = None
    """Unix seconds at which something timed fell due; None: the twin's now. After a jump of the clock it lies in the past."""

    @property
    def store(self) -> Store:
        return self.world.store(self.account.id, self.livemode)

    @property
    def now(self) -> int:
        return self.world.clock.unix() if self.at is None else self.at

    def with_params(self, **params: Any) -> "Call":
        """The same caller asking something else: one operation that is part of another."""
        return replace(self, params=params)

    def part(self, *, ids: dict[str, str], params: dict[str, Any]) -> "Call":
        """The same request, one of the things it asks for."""
        return replace(self, ids=ids, params=params)

    def by_stripe(self) -> "Call":
        """The same account, acted on by Stripe itself: its events carry no request."""
        return replace(self, request_id=None, idempotency_key=None, params={}, ids={})

    def plan(self, moment: float, what: "Callable[[Call], None]", *, after_webhooks: bool = False) -> None:
        """Let Stripe itself do something when the twin's clock reaches this Unix moment, dated then, however far the clock jumps.

        after_webhooks: events on the wire may arrive first, for what depends on their having been answered.
        """
        due = replace(self.by_stripe(), at=int(moment))

        def run() -> None:
            if after_webhooks:
                self.world.sender.wait_until_quiet(WEBHOOKS_ARRIVE_SECONDS)
            with self.world.lock:
                what(due)

        self.world.timetable.at(moment, run)


Handler = Callable[[Call], Record | bytes]
H = TypeVar("H", bound=Callable[[Call], Record | bytes])
OPERATIONS: dict[str, Handler] = {}
"""By operation as in the parameter tables, `POST /v1/customers/{customer}`."""


def operation(name: str) -> Callable[[H], H]:
    """Register what answers an operation."""

    def register(handler: H) -> H:
        OPERATIONS[name] = handler
        return handler

    return register


def dashboard_call(world: World, account: Account, livemode: bool, **params: Any) -> Call:
    """What the merchant does in the dashboard, or a payer on a hosted page: a request of its own, without an idempotency key."""
    return Call(world=world, account=account, livemode=livemode, params=params, request_id=new_id("req_", length=14))
