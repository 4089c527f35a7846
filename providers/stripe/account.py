"""One Stripe account as a thing to call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from providers.contract import Account, Profile, Verb
from providers.errors import Unsupported
from providers.records import (
    BillingPortal,
    BillingPortalDraft,
    Customer,
    CustomerDraft,
    Dispute,
    DisputeDraft,
    Draft,
    Endpoint,
    EndpointDraft,
    Invoice,
    InvoiceDraft,
    JsonObject,
    Page,
    Payment,
    PaymentDraft,
    PaymentLink,
    PaymentLinkDraft,
    PaymentMethod,
    PaymentMethodDraft,
    PaymentMethodSetup,
    PaymentMethodSetupDraft,
    Payout,
    PayoutEntry,
    R,
    Record,
    Refund,
    RefundDraft,
    Subscription,
    SubscriptionDraft,
    Window,
)
from providers.stripe.capabilities import CAPABILITIES
from providers.stripe.connection import Connection
from providers.stripe.mapping.values import Json
from providers.stripe.resources.base import AnyResource
from providers.stripe.resources.billing_portals import BillingPortals
from providers.stripe.resources.customers import Customers
from providers.stripe.resources.disputes import Disputes
from providers.stripe.resources.endpoints import Endpoints
from providers.stripe.resources.invoices import Invoices
from providers.stripe.resources.payment_links import PaymentLinks
from providers.stripe.resources.payment_methods import PaymentMethods, PaymentMethodSetups
from providers.stripe.resources.payments import Payments
from providers.stripe.resources.payouts import PayoutEntries, Payouts
from providers.stripe.resources.refunds import Refunds
from providers.stripe.resources.subscriptions import Subscriptions

KIND_OF_DRAFT: Final[Mapping[type[Draft[Any]], type[Record]]] = {
    CustomerDraft: Customer,
    InvoiceDraft: Invoice,
    PaymentDraft: Payment,
    RefundDraft: Refund,
    SubscriptionDraft: Subscription,
    DisputeDraft: Dispute,
    PaymentLinkDraft: PaymentLink,
    PaymentMethodDraft: PaymentMethod,
    PaymentMethodSetupDraft: PaymentMethodSetup,
    BillingPortalDraft: BillingPortal,
    EndpointDraft: Endpoint,
}


class StripeAccount(Account):
    """Stripe keeps no version of its objects: `version` is never given and never needed."""

    def __init__(self, connection: Connection, *, is_platform: bool = False) -> None:
        self._connection = connection
        self._resources: Mapping[type[Record], AnyResource] = {
            Customer: Customers(connection),
            Invoice: Invoices(connection),
            Payment: Payments(connection),
            Refund: Refunds(connection),
            Subscription: Subscriptions(connection),
            Dispute: Disputes(connection),
            Payout: Payouts(connection),
            PayoutEntry: PayoutEntries(connection),
            PaymentLink: PaymentLinks(connection),
            PaymentMethod: PaymentMethods(connection),
            PaymentMethodSetup: PaymentMethodSetups(connection),
            BillingPortal: BillingPortals(connection),
            Endpoint: Endpoints(connection, connect=is_platform),
        }

    def describe(self) -> Profile:
        raw = self._connection.read("/v1/account").body
        return Profile(
            account_id=raw["id"],
            name=_account_name(raw),
            country=(raw.get("country") or "").upper(),
            currency=(raw.get("default_currency") or "").upper(),
        )

    def list(
        self,
        kind: type[R],
        *,
        created: Window | None = None,
        changed_since: datetime | None = None,
        cursor: str | None = None,
        open_only: bool = False,
        parent_id: str | None = None,
    ) -> Page[R]:
        """Stripe has no filter by change: `changed_since` narrows nothing, the events feed is the way to changes."""
        if open_only and kind is not Invoice:
            raise Unsupported("only invoices can be listed as open")
        resource = self._resource(Verb.LIST, kind)
        CAPABILITIES[kind].check_parent(kind, parent_id)
        return resource.page(created=created, cursor=cursor, open_only=open_only, parent_id=parent_id)

    def get(self, kind: type[R], id: str) -> R:
        found: R = self._resource(Verb.GET, kind).get(id)
        return found

    def create(self, draft: Draft[R], *, key: str) -> R:
        made: R = self._resource(Verb.CREATE, KIND_OF_DRAFT.get(type(draft))).create(draft, key=key)
        return made

    def update(self, id: str, draft: Draft[R], *, version: str | None, key: str) -> R:
        changed: R = self._resource(Verb.UPDATE, KIND_OF_DRAFT.get(type(draft))).update(id, draft, key=key)
        return changed

    def perform(
        self,
        verb: Verb,
        kind: type[R],
        id: str,
        *,
        options: JsonObject | None = None,
        version: str | None,
        key: str,
    ) -> R:
        done: R = self._resource(verb, kind).perform(verb, id, key=key, choices=options or {})
        return done

    def find_by_reference(self, kind: type[R], reference: str) -> R | None:
        """Walks what was created in the last seven days, newest first: Stripe's search index lags behind writes.

        A payment that nobody has tried yet is not found: it took no money."""
        if kind not in (Customer, Invoice, Payment, Subscription, PaymentLink):
            raise Unsupported(f"Stripe keeps no reference of ours on a {kind.__name__.lower()}")
        found: R | None = self._resource(Verb.LIST, kind).find(reference)
        return found

    def _resource(self, verb: Verb, kind: type[Record] | None) -> AnyResource:
        support = CAPABILITIES.get(kind) if kind is not None else None
        if kind is None or support is None or verb not in support.verbs:
            raise Unsupported(f"Stripe cannot {verb} a {kind.__name__.lower() if kind else 'draft of this kind'}")
        return self._resources[kind]


def _account_name(raw: Json) -> str:
    business = raw.get("business_profile") or {}
    dashboard = (raw.get("settings") or {}).get("dashboard") or {}
    return business.get("name") or dashboard.get("display_name") or raw.get("email") or ""
