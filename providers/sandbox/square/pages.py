"""Hosted pages: the invoice pay page behind public_url, and receipts."""

from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from providers.sandbox.square import card_form, order_lines, orders, verification
from providers.sandbox.square.errors import ApiFailure, bad_request
from providers.sandbox.square.invoice_schedule import final_tipping, next_amount, open_amount
from providers.sandbox.square.invoice_settlement import PAYABLE, pay, today_of
from providers.sandbox.square.money import amount_of, display, money
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

REQUEST_WORDS = {"BALANCE": "Balance", "DEPOSIT": "Deposit", "INSTALLMENT": "Instalment"}


def register(app: Flask, square: Square) -> None:
    @app.get("/pay-invoice/invtmp:<token>")
    def pay_page(token: str) -> Response:
        with square.lock:
            found = _open(square, token)
            return _expired() if found is None else _shown(square, *found)

    @app.post("/pay-invoice/invtmp:<token>")
    def pay_invoice(token: str) -> BaseResponse:
        with square.lock:
            found = _open(square, token)
            if found is None:
                return _expired()
            try:
                return redirect(_take(square, *found), code=303)
            except ApiFailure as declined:
                return _shown(square, *found, error=card_form.words(declined), status=402)

    @app.get("/receipt/preview/<payment_id>")
    def receipt(payment_id: str) -> Response:
        with square.lock:
            payment = next((found for seller in square.sellers.values() if (found := seller.payments.get(payment_id))), None)
        if payment is None:
            return Response(render_template("square/refused.html", reason="There is no such receipt."), 404)
        text = f"Receipt {payment['receipt_number']}: {display(payment['total_money'])}, {payment['status'].lower()}"
        return Response(text, content_type="text/plain; charset=utf-8")


def _open(square: Square, token: str) -> tuple[Seller, Record] | None:
    page = square.pay_pages.get(token)
    if page is None or page[2] <= square.clock.timestamp():
        return None
    seller = square.sellers[page[0]]
    invoice = seller.invoices.get(page[1])
    return (seller, invoice) if invoice is not None else None


def _expired() -> Response:
    reason = "This link has expired. Ask the seller for a new one."
    return Response(render_template("square/refused.html", reason=reason), 410)


def _take(square: Square, seller: Seller, invoice: Record) -> str:
    """Pay now, or first let the bank ask; where the payer goes next."""
    form = request.form
    by_bank = form.get("method") == "bank"
    if not invoice["accepted_payment_methods"].get("bank_account" if by_bank else "card"):
        raise bad_request("The seller does not accept this way of paying.")
    source = Source(source_type="BANK_ACCOUNT") if by_bank else card_form.source(square, form)
    currency = invoice["payment_requests"][0]["computed_amount_money"]["currency"]
    fields = {"buyer_email_address": form.get("email") or None}
    tip = card_form.minor_units(form.get("tip", ""), currency) if final_tipping(invoice) else 0
    amount, page = next_amount(invoice, today_of(square, invoice)), request.path

    def finish(answered: Source) -> str:
        current = seller.invoices.get(invoice["id"]) or invoice
        pay(square, seller, current, answered, amount=amount, tip=tip, fields=fields)
        return page

    if not source.challenge:
        return finish(source)
    challenge = verification.Challenge(
        source=source,
        finish=finish,
        back=page,
        seller_name=seller.merchant["business_name"],
        amount=display(money(amount + tip, currency)),
        ends_at=verification.ends_at(square),
    )
    return verification.begin(square, challenge)


def _shown(square: Square, seller: Seller, invoice: Record, *, error: str | None = None, status: int = 200) -> Response:
    order = orders.find(seller, invoice["order_id"])
    currency = order["total_money"]["currency"]
    payable, accepted = invoice["status"] in PAYABLE, invoice["accepted_payment_methods"]
    page = render_template(
        "square/pay.html",
        invoice=invoice,
        seller=seller.merchant,
        lines=order_lines.shown(order, charge_words="Service charge"),
        total=display(money(sum(amount_of(part["computed_amount_money"]) for part in invoice["payment_requests"]), currency)),
        requests=[
            (
                REQUEST_WORDS[part["request_type"]],
                part["due_date"],
                display(part["computed_amount_money"]),
                open_amount(part) == 0,
            )
            for part in invoice["payment_requests"]
        ],
        due=display(money(next_amount(invoice, today_of(square, invoice)), currency)) if payable else None,
        tipping=payable and final_tipping(invoice),
        takes_card=accepted.get("card"),
        takes_bank=accepted.get("bank_account"),
        form=request.form,
        error=error,
    )
    return Response(page, status)
