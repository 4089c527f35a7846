"""Recurring services of a client: the subscriptions that its accounts at the providers keep, as last heard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from hub.crm import clients
from hub.models import Integration, RemoteRecord

OVER = frozenset(["canceled", "ended"])


@dataclass(frozen=True, slots=True)
class RecurringService:
    """`status` as providers.records.SubscriptionStatus. `amount`: minor units for one period of `interval_count` intervals
    (day, week, month, year), with `currency`; both None where the provider does not tell them. `renews_on`: the next day on
    which it is billed; `cancels_on`: when it will end by itself; `ended_at`: when it did. `collects` False: it goes on, but
    asks for no money. `as_of`: when the provider last said so."""

    integration_id: int
    provider: str
    external_id: str
    name: str
    status: str
    amount: int | None
    currency: str | None
    interval: str
    interval_count: int
    starts_on: date | None
    renews_on: date | None
    cancels_on: date | None
    ended_at: datetime | None
    collects: bool
    as_of: datetime


def recurring_services(session: Session, client_id: int) -> list[RecurringService]:
    """What runs first, then what is over, newest first. Raises NotFound (hub.crm.errors) for an unknown client."""
    clients.get(session, client_id)
    customer = aliased(RemoteRecord)
    found = session.execute(
        select(RemoteRecord, Integration.provider)
        .join(
            customer,
            (customer.tenant_id == RemoteRecord.tenant_id)
            & (customer.integration_id == RemoteRecord.integration_id)
            & (customer.external_id == RemoteRecord.group_key),
        )
        .join(Integration, Integration.id == RemoteRecord.integration_id)
        .where(
            RemoteRecord.data_type == "subscription",
            RemoteRecord.deleted_at.is_(None),
            customer.data_type == "customer",
            customer.local_id == client_id,
        )
    )
    services = [_service(row, provider) for row, provider in found]
    services.sort(key=lambda service: (service.starts_on or date.min, service.external_id), reverse=True)
    return sorted(services, key=lambda service: service.status in OVER)


def _service(row: RemoteRecord, provider: str) -> RecurringService:
    told: dict[str, Any] = row.base or {}
    return RecurringService(
        integration_id=row.integration_id,
        provider=provider,
        external_id=row.external_id,
        name=told.get("name") or "",
        status=told.get("status") or "unknown",
        amount=told.get("amount"),
        currency=told.get("currency"),
        interval=told.get("interval") or "unknown",
        interval_count=told.get("interval_count") or 1,
        starts_on=_day(told.get("starts_on")),
        renews_on=_day(told.get("renews_on")),
        cancels_on=_day(told.get("cancels_on")),
        ended_at=datetime.fromisoformat(told["ended_at"]) if told.get("ended_at") else None,
        collects=told.get("collects") is not False,
        as_of=row.as_of,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
