"""One request to the API, or one act of the merchant or a payer, with all that carries it out needs to know."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.store import Record, Store
from providers.sandbox.stripe.world import Account, World


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

    @property
    def store(self) -> Store:
        return self.world.store(self.account.id, self.livemode)

    @property
    def now(self) -> int:
        return self.world.clock.unix()

    def with_params(self, **params: Any) -> "Call":
        """The same caller asking something else: one operation that is part of another."""
        return replace(self, params=params)

    def by_stripe(self) -> "Call":
        """The same account, acted on by Stripe itself: its events carry no request."""
        return replace(self, request_id=None, idempotency_key=None, params={}, ids={})


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
