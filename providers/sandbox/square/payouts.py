"""Payouts: a location's balance goes to the seller's bank at the end of its day, and arrives later or comes back."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from providers.sandbox.square import ids, times
from providers.sandbox.square.balance import add_entry, entry, net
from providers.sandbox.square.errors import bad_request, not_found
from providers.sandbox.square.events import record_event
from providers.sandbox.square.money import money
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

INSTANT_FEE_PER_MILLE = 15


def find(seller: Seller, payout_id: str) -> Record:
    known = seller.payouts.get(payout_id)
    if known is None:
        raise not_found("Payout", payout_id, "payout_id")
    return known


def time_next(square: Square, seller: Seller, location_id: str) -> None:
    """Pay out at the end of the location's day, once, whatever is on its balance then."""
    if not square.settings.payouts_automatic or location_id in seller.payout_timed:
        return
    seller.payout_timed.add(location_id)
    now = square.now().astimezone(ZoneInfo(seller.locations[location_id]["timezone"]))
    midnight = datetime(now.year, now.month, now.day, tzinfo=now.tzinfo) + timedelta(days=1)

    def pay() -> None:
        seller.payout_timed.discard(location_id)
        if net(seller.balance.get(location_id, [])):  # a payout is never zero
            send(square, seller, location_id)

    square.later((midnight - now).total_seconds(), pay)


def send(square: Square, seller: Seller, location_id: str, *, instant: bool = False) -> Record:
    """SENT with all that is on the balance, though it be negative. instant: asked for by the seller, for a fee, as SIMPLE."""
    if not net(seller.balance.get(location_id, [])):
        raise bad_request("There is nothing to pay out on the balance of this location.", "location_id")
    entries = seller.balance.pop(location_id)
    payout, kept = build(square, seller, location_id, entries, instant=instant)
    seller.payouts.put(payout, square.clock.timestamp())
    seller.payout_entries[payout["id"]] = kept
    record_event(square, seller, "payout.sent", payout)
    square.later(square.settings.payout_arrival_seconds, lambda: _arrive(square, seller, payout["id"]))
    return payout


def build(
    square: Square, seller: Seller, location_id: str, entries: list[Record], *, instant: bool = False, at: datetime | None = None
) -> tuple[Record, list[Record]]:
    """The payout and its entries, not stored. at: when it was sent, None for now."""
    currency, sent_at = seller.locations[location_id]["currency"], at or square.now()
    payout_id, moment = ids.payout(), times.wire(sent_at, 0)
    payout: Record = {
        "id": payout_id,
        "status": "SENT",
        "location_id": location_id,
        "created_at": moment,
        "updated_at": moment,
        "destination": {"type": "CARD" if instant else "BANK_ACCOUNT", "id": f"{'ccof' if instant else 'bact'}:{ids.mixed(20)}"},
        "version": 1,
        "type": "SIMPLE" if instant else "BATCH",
        "arrival_date": (sent_at + timedelta(seconds=square.settings.payout_arrival_seconds)).date().isoformat(),
        "end_to_end_id": ids.upper(24),
    }
    if instant and net(entries) > 0:
        fee = net(entries) * INSTANT_FEE_PER_MILLE // 1000
        details = {"payout_id": payout_id}
        entries = [*entries, entry(square, "DEPOSIT_FEE", gross=-fee, fee=0, currency=currency, details=details)]
        payout["payout_fee"] = [{"amount_money": money(fee, currency), "effective_at": moment, "type": "TRANSFER_FEE"}]
    payout["amount_money"] = money(net(entries), currency)
    return payout, [{**item, "payout_id": payout_id} for item in entries]


def _arrive(square: Square, seller: Seller, payout_id: str) -> None:
    payout = find(seller, payout_id)
    if payout["status"] == "SENT":
        end(square, seller, payout, square.settings.payout_outcome)


def end(square: Square, seller: Seller, payout: Record, status: str) -> Record:
    """PAID, or FAILED: then the money is on the balance again. A PAID one may still bounce."""
    changed = {**payout, "status": status, "updated_at": times.wire(square.now(), 0), "version": payout["version"] + 1}
    seller.payouts.put(changed, square.clock.timestamp())
    record_event(square, seller, f"payout.{status.lower()}", changed)
    if status == "FAILED":
        amount, currency = payout["amount_money"]["amount"], payout["amount_money"]["currency"]
        place = payout["location_id"]
        add_entry(square, seller, place, "RETURNED_PAYOUT", gross=amount, fee=0, currency=currency, details={})
    return changed


def shown_entries(square: Square, seller: Seller, payout: Record) -> list[Record]:
    """Entries in the order in which they came; only a BATCH has them, and they may come late."""
    sent_at = times.parse(payout["created_at"], "created_at")
    visible = square.now() - sent_at >= timedelta(seconds=square.settings.payout_entries_delay_seconds)
    return seller.payout_entries.get(payout["id"], []) if visible and payout["type"] == "BATCH" else []
