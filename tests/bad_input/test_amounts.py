"""Amounts that are floats, negative, too large, or in another currency than the invoice: refused by name, and nothing is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import hub.crm.api.invoices
from hub import process
from hub.audit import SYSTEM
from hub.crm import clients, invoices
from hub.http import create_app
from hub.models import Change, Invoice
from sync.push import push_integration
from tests.hub.apps import Business
from tests.sync.hub_in_process import HubInProcess, build
from tests.whole_run.answers import searched

NO_AMOUNTS = [1.5, 100.0, -100, "100", "1e2", True, None, 2**63, [100], {"value": 100}, 0]


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> HubInProcess:
    return build(database_url, tmp_path)


class Caller:
    def __init__(self, shop: HubInProcess) -> None:
        self.shop = shop
        self.client: FlaskClient = searched(create_app(process.settings(), (hub.crm.api.invoices.blueprint,))).test_client()
        self.headers = Business(shop.tenant_id, "").bearer("manager")
        self.ada = clients.create(shop.tenant_id, {"given_name": "Ada"}, actor=SYSTEM)

    def post(self, path: str, body: dict[str, Any]) -> TestResponse:
        path = f"/api/integrations/payments/{self.shop.integration_id}/{path}"
        return self.client.post(path, json=body, headers=self.headers)

    def create(self, *, total: Any = 100, item: Any = 100, currency: Any = "USD") -> TestResponse:
        body = {"client_id": self.ada.id, "amount": total, "currency": currency, "due_date": "2030-01-01"}
        return self.post("create-invoice", body | {"items": [{"description": "Cake", "amount": item}]})

    def open_invoice(self) -> Invoice:
        made, _ = invoices.create(
            self.shop.tenant_id,
            client_id=self.ada.id,
            currency="USD",
            lines=[invoices.NewLine(description="Cake", amount=12_500)],
            due_on=None,
            integration_id=self.shop.integration_id,
            publish=True,
            actor=SYSTEM,
        )
        push_integration(self.shop.tenant_id, self.shop.integration_id)
        return self.shop.row(Invoice, id=made.id)

    def pay(self, invoice: Invoice, amount: Any, **more: Any) -> TestResponse:
        body = {"invoice_id": invoice.id, "payment_method_id": "fake_card_ok", "amount": amount, **more}
        return self.post("process-payment", body)

    def nothing_was_made(self) -> bool:
        return not self.shop.rows(Invoice) and not self.shop.rows(Change, kind="invoice")


@pytest.fixture
def caller(shop: HubInProcess) -> Caller:
    return Caller(shop)


@pytest.mark.parametrize("amount", NO_AMOUNTS, ids=repr)
def test_total_that_is_no_positive_whole_number_is_refused(caller: Caller, amount: Any) -> None:
    answer = caller.create(total=amount)
    assert answer.status_code == 422
    assert any("amount" in error["field"] for error in answer.get_json()["errors"])
    assert caller.nothing_was_made()


@pytest.mark.parametrize("amount", [each for each in NO_AMOUNTS if each != 0], ids=repr)
def test_item_that_is_no_whole_number_is_refused(caller: Caller, amount: Any) -> None:
    answer = caller.create(item=amount)
    assert answer.status_code == 422
    assert caller.nothing_was_made()


def test_total_other_than_the_items_is_refused(caller: Caller) -> None:
    answer = caller.create(total=101)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "amount_mismatch")
    assert caller.nothing_was_made()


@pytest.mark.parametrize("currency", ["usd", "US", "DOLLAR", "XXQ", "", None, 840], ids=repr)
def test_currency_that_does_not_exist_is_refused(caller: Caller, currency: Any) -> None:
    assert caller.create(currency=currency).status_code == 422
    assert caller.nothing_was_made()


@pytest.mark.parametrize("amount", [*NO_AMOUNTS, 12_501], ids=repr)
def test_payment_of_what_is_no_amount_or_more_than_is_due_is_refused(caller: Caller, amount: Any) -> None:
    invoice = caller.open_invoice()
    answer = caller.pay(invoice, amount)
    assert answer.status_code == 422
    assert caller.shop.rows(Change, kind="payment") == []


def test_payment_in_another_currency_than_the_invoice_is_refused(caller: Caller) -> None:
    invoice = caller.open_invoice()
    answer = caller.pay(invoice, 12_500, currency="EUR")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "currency_mismatch")
    assert caller.shop.rows(Change, kind="payment") == []
