"""docs/capabilities.md, printed from what the adapters declare: `python -m providers.capabilities_page`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping

from providers.contract import Provider, RateLimit, Verb
from providers.records import Record
from providers.registry import PUBLIC_NAMES, load_providers

HEAD = """# What each provider can do

Printed from the adapters by `python -m providers.capabilities_page`; a test keeps this file current, so do not edit it.
The hub asks `supports()` before it offers or tries anything: what is absent here is absent in the pages, too.

## Kinds and verbs

**Bold** verbs take our idempotency key: the same call can be sent again and happens once. After a lost answer the other writes
are looked up before anything is written anew. An empty cell: the provider has no such thing, or we do not use it.
"""


def page() -> str:
    """The whole Markdown page, for the providers that a tenant can choose."""
    providers = load_providers({}, PUBLIC_NAMES)
    return "\n".join([HEAD, *_verb_table(providers), "", "## Manners", "", *_manner_table(providers), ""])


def _verb_table(providers: Mapping[str, Provider]) -> Iterator[str]:
    yield from _head("Kind", providers)
    kinds = {kind for provider in providers.values() for kind in provider.capabilities}
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        yield _row(_words(kind), [_verbs(provider, kind) for provider in providers.values()])


def _verbs(provider: Provider, kind: type[Record]) -> str:
    return ", ".join(_verb(provider, verb, kind) for verb in Verb if provider.supports(verb, kind))


def _verb(provider: Provider, verb: Verb, kind: type[Record]) -> str:
    parent = provider.capabilities[kind].listed_within
    if verb is Verb.LIST and parent is not None:
        return f"list (of one {_words(parent)})"
    return f"**{verb}**" if provider.honours_key(verb, kind) else str(verb)


def _manner_table(providers: Mapping[str, Provider]) -> Iterator[str]:
    yield from _head("", providers)
    rows: dict[str, Callable[[Provider], str]] = {
        "events feed": lambda provider: "one account's" if provider.event_feed == "account" else "the whole application's",
        "PKCE in the consent": lambda provider: _yes(provider.uses_pkce),
        "credentials are refreshed": _refreshed,
        "charges an invoice to a saved method": lambda provider: _yes(provider.charges_invoices),
        "currencies of an account": lambda provider: "its own only" if provider.single_currency else "many",
        "charged methods pay": lambda provider: "at once" if provider.pays_at_once else "after days",
        "budgets": lambda provider: "; ".join(_budget(limit) for limit in provider.rate_limits),
        "the consent asks to": lambda provider: "; ".join(provider.permissions_text),
    }
    for name, tell in rows.items():
        yield _row(name, [tell(provider) for provider in providers.values()])


def _refreshed(provider: Provider) -> str:
    return "never" if provider.refresh_after_days is None else f"after {provider.refresh_after_days} days"


def _budget(limit: RateLimit) -> str:
    return f"{limit.requests_per_second:g} requests/s per {limit.scope}, at once {limit.burst}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _words(kind: type[Record]) -> str:
    """PaymentMethod is "payment method"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()


def _head(corner: str, providers: Mapping[str, Provider]) -> Iterator[str]:
    yield _row(corner, [provider.title + " (experimental)" * provider.experimental for provider in providers.values()])
    yield "| --- |" + " --- |" * len(providers)


def _row(first: str, cells: list[str]) -> str:
    return "| " + " | ".join([first, *(cell.replace("|", "\\|") for cell in cells)]) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
