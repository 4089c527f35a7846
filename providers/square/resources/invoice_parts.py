"""How an invoice falls due: Square's payment requests for the parts of a draft."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from providers.errors import Rejected
from providers.records import InstalmentKind, Invoice, InvoiceDraft
from providers.square.mapping.invoice import request_json

INSTALMENTS_MAX = 12


def check_parts(draft: InvoiceDraft) -> None:
    """Square's combinations: deposit and balance; or two to twelve instalments, a deposit before them or none. An invoice has no
    tax of ours, so that its lines are its total."""
    parts = draft.instalments
    if not parts:
        return
    kinds = [part.kind for part in parts]
    after = kinds[1:] if kinds[0] is InstalmentKind.DEPOSIT else kinds
    in_rates = 2 <= len(after) <= INSTALMENTS_MAX and set(after) == {InstalmentKind.INSTALMENT}
    if not in_rates and after != [InstalmentKind.BALANCE]:
        raise Rejected(
            "Square takes a deposit and a balance, or two to twelve instalments with or without a deposit before them.",
            code="instalments_invalid",
            field="instalments",
        )
    total = sum(line.amount.minor_units for line in draft.lines or ())
    if sum(part.amount.minor_units for part in parts) != total:
        raise Rejected("The parts do not add up to the invoice.", code="instalments_differ", field="instalments")
    days = [part.due_on for part in parts if part.due_on is not None]
    if kinds[0] is InstalmentKind.DEPOSIT and parts[0].due_on is not None and parts[0].due_on > min(days):
        raise Rejected("The deposit must be due first.", code="deposit_not_first", field="instalments")


def same_parts(draft: InvoiceDraft, current: Invoice) -> bool:
    asked = [replace(part, paid=None) for part in draft.instalments or ()]
    return asked == [replace(part, paid=None) for part in current.instalments]


def payment_requests(draft: InvoiceDraft, first_day: date) -> list[dict[str, Any]]:
    """How it falls due; a part without a day is due on `first_day`, as is the whole."""
    if draft.instalments:
        return [request_json(part, part.due_on or first_day) for part in draft.instalments]
    return [{"request_type": "BALANCE", "due_date": (draft.due_on or first_day).isoformat()}]


def part_changes(current: Invoice, draft: InvoiceDraft) -> list[dict[str, Any]]:
    """New parts in the place of the old: one that stays of its type keeps its uid, the others are removed by theirs."""
    last = current.due_on or current.as_of.date()
    wanted = payment_requests(replace(draft, due_on=draft.due_on or last), last)
    left = [*(current.raw["invoice"].get("payment_requests") or ())]
    changes: list[dict[str, Any]] = []
    for request in wanted:
        old = next((one for one in left if one.get("request_type") == request["request_type"]), None)
        if old is None:
            changes.append(request)
        else:
            left.remove(old)
            changes.append({"uid": old["uid"], **request})
    return [*({"uid": old["uid"], "remove": True} for old in left), *changes]


def due_changes(current: Invoice, due_on: date) -> list[dict[str, Any]]:
    """The last payment request moves; Square names them by uid."""
    requests = current.raw["invoice"].get("payment_requests") or []
    if not requests:
        return [{"request_type": "BALANCE", "due_date": due_on.isoformat()}]
    return [{"uid": requests[-1]["uid"], "due_date": due_on.isoformat()}]
