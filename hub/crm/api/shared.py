"""What the CRM's routes share: its refusals as problems, addresses, moments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from apiflask.fields import String

from hub.crm.errors import NotFound, Refused
from hub.http import Problem, Schema, Text, not_found
from hub.integrations.service import IntegrationNotFound
from providers.errors import IntegrationRevoked


class AddressSchema(Schema):
    line1 = Text(max_chars=300)
    line2 = Text(max_chars=300)
    city = Text(max_chars=200)
    region = Text(max_chars=200)
    postal_code = Text(max_chars=30)
    country = Text(max_chars=2, metadata={"description": "ISO 3166 alpha-2"})


class Moment(String):
    """RFC 3339 in UTC."""

    def __init__(self, *, allow_none: bool = True) -> None:
        super().__init__(allow_none=allow_none, metadata={"format": "date-time"})


def moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


@contextmanager
def refusals() -> Iterator[None]:
    """The business's refusals as problem answers: 404, 409 for a state that forbids it, 422 for input that cannot be used."""
    try:
        yield
    except NotFound as missing:
        raise not_found(missing.what) from missing
    except IntegrationNotFound as missing:
        raise not_found("integration") from missing
    except IntegrationRevoked as revoked:
        raise Problem(409, "integration_not_active", revoked.detail) from revoked
    except Refused as refused:
        errors = [{"field": refused.field, "message": refused.detail}] if refused.field else []
        raise Problem(409 if refused.conflict else 422, refused.code, refused.detail, errors=errors) from refused
