"""The form of a new invoice: several items, without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from babel.numbers import list_currencies
from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from hub import clock, db
from hub.crm import invoices
from hub.crm.api.shared import refusals
from hub.http import current, require
from hub.models import Client, Integration
from hub.web import forms, writing
from hub.web.frame import business, provider_title
from hub.web.pages.invoices import tell_outcome

blueprint = Blueprint("new_invoice", __name__, url_prefix="/invoices/new")

ROWS, MORE_ROWS = 3, 5
CLIENTS_OFFERED = 500
DUE_DAYS = 14
FIELDS = ("client_id", "integration_id", "currency", "due_date", "description", "notes")
ITEM_FIELDS = ("description", "quantity", "price")
CURRENCY_CODES = sorted(code for code in list_currencies(writing.LOCALE) if len(code) == 3)


@blueprint.get("")
@require("manager")
def ask() -> str:
    with db.tenant_session(current().tenant_id) as session:
        home = session.scalars(
            select(Integration).where(Integration.status == "active").order_by(Integration.id).limit(1)
        ).one_or_none()
    values = {
        "client_id": request.args.get("client", ""),
        "integration_id": str(home.id) if home else "",
        "currency": (home.currency if home else "") or business().currency,
        "due_date": (clock.now().astimezone(business().zone).date() + timedelta(days=DUE_DAYS)).isoformat(),
    }
    return _page(forms.Form(values), [_empty_item() for _ in range(ROWS)])


@blueprint.post("")
@require("manager")
def create() -> BaseResponse | tuple[str, int] | str:
    caller = current()
    form, items = forms.Form(dict(forms.typed(request.form, FIELDS))), _typed_items()
    if request.form.get("do") == "more":
        return _page(form, [*items, *(_empty_item() for _ in range(MORE_ROWS))])
    lines = _lines(form, items)
    due_on = _day(form)
    client_id, integration_id = _choice(form, "client_id"), _choice(form, "integration_id")
    if client_id is None:
        form.errors.setdefault("client_id", "Choose whom the invoice is for.")
    issue = request.form.get("do") in ("issue", "send")
    if issue and integration_id is None:
        form.errors.setdefault("integration_id", "Choose the account that collects the money, or save a draft.")
    if not form.errors and client_id is not None:
        with refusals(), form.refusals():
            invoice, change = invoices.create(
                caller.tenant_id,
                client_id=client_id,
                currency=form.values["currency"],
                lines=lines,
                due_on=due_on,
                integration_id=integration_id,
                description=form.values["description"],
                notes=form.values["notes"],
                publish=issue,
                send=request.form.get("do") == "send",
                actor=caller.actor,
            )
            if change is not None and issue:
                tell_outcome(invoice.number, change, "sent" if request.form.get("do") == "send" else "issued")
            else:
                flash(f"Invoice {invoice.number} is saved as a draft.", "good")
            return redirect(f"/invoices/{invoice.id}", 303)
    return _page(form, items), form.status


def _typed_items() -> list[dict[str, str]]:
    columns = [request.form.getlist(f"item_{name}")[: invoices.LINES_MAX] for name in ITEM_FIELDS]
    return [dict(zip(ITEM_FIELDS, (text.strip() for text in row), strict=True)) for row in zip(*columns, strict=False)]


def _empty_item() -> dict[str, str]:
    return {"description": "", "quantity": "1", "price": ""}


def _lines(form: forms.Form, items: Sequence[dict[str, str]]) -> list[invoices.NewLine]:
    """Rows without description and price are left out; errors are named item_0, item_1 and so on."""
    currency = form.values["currency"]
    if currency not in CURRENCY_CODES:
        form.errors["currency"] = "Choose a currency."
        return []
    lines = []
    for position, item in enumerate(items):
        if not item["description"] and not item["price"]:
            continue
        try:
            if not item["description"] or "\x00" in item["description"]:
                raise writing.BadAmount("Say what this item is.")
            unit_amount = writing.read_amount(item["price"], currency)
            quantity = item["quantity"] or "1"
            amount = writing.line_amount(unit_amount, quantity)
            lines.append(
                invoices.NewLine(description=item["description"][:500], amount=amount, quantity=quantity, unit_amount=unit_amount)
            )
        except writing.BadAmount as bad:
            form.errors[f"item_{position}"] = str(bad)
    if not lines and not form.errors:
        form.errors["item_0"] = "Write at least one item with its price."
    return lines


def _day(form: forms.Form) -> date | None:
    text = form.values["due_date"]
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        form.errors["due_date"] = "Write a day such as 2026-12-31."
        return None


def _choice(form: forms.Form, name: str) -> int | None:
    text = form.values[name]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _page(form: forms.Form, items: Sequence[dict[str, Any]]) -> str:
    with db.tenant_session(current().tenant_id) as session:
        clients, more = _clients(session, _choice(form, "client_id"))
        homes = session.scalars(select(Integration).where(Integration.status == "active").order_by(Integration.id)).all()
    form.values.setdefault("currency", business().currency)
    return render_template(
        "invoices/form.html",
        form=form,
        items=items,
        clients=clients,
        more_clients=more,
        homes=[
            (row.id, f"{provider_title(row.provider)}: {row.name}" + (f" ({row.currency})" if row.currency else ""))
            for row in homes
        ],
        currencies=CURRENCY_CODES,
    )


def _clients(session: Session, chosen: int | None) -> tuple[list[tuple[int, str]], bool]:
    """The newest clients and the chosen one, by name; whether there are more."""
    wanted = select(Client.id, Client.display_name, Client.email).where(Client.archived_at.is_(None))
    rows = session.execute(wanted.order_by(Client.id.desc()).limit(CLIENTS_OFFERED + 1)).all()
    found = {row.id: row for row in rows[:CLIENTS_OFFERED]}
    if chosen is not None and chosen not in found:
        found |= {row.id: row for row in session.execute(wanted.where(Client.id == chosen))}
    named = [(row.id, f"{row.display_name} · {row.email}" if row.email else row.display_name) for row in found.values()]
    return sorted(named, key=lambda pair: pair[1].lower()), len(rows) > CLIENTS_OFFERED
