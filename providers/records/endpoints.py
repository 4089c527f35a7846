"""Webhook registrations at the provider."""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.records.record import Draft, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Record):
    """A webhook registration at the provider. `secret` is known only in the answer to a creation or rotation."""

    url: str
    event_types: frozenset[str]
    name: str = ""
    api_version: str | None = None
    active: bool = True
    secret: str | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDraft(Draft[Endpoint]):
    """`name` is shown in the provider's dashboard."""

    url: str
    event_types: frozenset[str]
    api_version: str | None = None
    name: str = "Payhub"
    active: bool = True
