"""The hosted checkout behind a payment link: one buyer pays once, with a tip and a bank's question where they apply."""

from decimal import Decimal
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from providers.sandbox.square import card_form, order_lines, orders, payment_links, verification
from providers.sandbox.square.errors import ApiFailure
from providers.sandbox.square.money import amount_of, display, money
from providers.sandbox.square.payment_sources import Source
from providers.sandbox.square.shelf import Record
from providers.sandbox.square.state import Seller, Square

TIP_PERCENTAGES = (15, 20, 25)
ADDRESS_FIELDS = ("address_line_1", "locality", "postal_code", "country")


def register(app: Flask, square: Square) -> None:
    @app.get("/u/<code>")
    @app.get("/checkout/<_seller_id>/<code>")
    def checkout_page(code: str, _seller_id: str = "") -> Response:
        with square.lock:
            found = _open(square, code)
            return _gone() if found is None else _shown(*found)

    @app.post("/u/<code>")
    @app.post("/checkout/<_seller_id>/<code>")
    def check_out(code: str, _seller_id: str = "") -> BaseResponse:
        with square.lock:
            found = _open(square, code)
            if found is None:
                return _gone()
            try:
                return redirect(_take(square, *found), code=303)
            except ApiFailure as declined:
                return _shown(*found, error=card_form.words(declined), status=402)


def _open(square: Square, code: str) -> tuple[Seller, Record] | None:
    target = square.links.get(code)
    if target is None:
        return None
    seller = square.sellers[target[0]]
    return seller, payment_links.find(seller, target[1])


def _gone() -> Response:
    reason = "This checkout is not available any more."
    return Response(render_template("square/refused.html", reason=reason), 404)


def _take(square: Square, seller: Seller, link: Record) -> str:
    """Pay now, or first let the bank ask; where the buyer goes next."""
    form, page = request.form, request.path
    order = orders.find(seller, link["order_id"])
    currency = order["total_money"]["currency"]
    tip = _tip(form.get("tip", ""), form.get("tip_percentage", ""), amount_of(order["net_amount_due_money"]), currency)
    source = card_form.source(square, form)
    fields: Record = {"buyer_email_address": form.get("email") or None, "name": form.get("name") or None}
    address = {name: form[f"shipping_{name}"] for name in ADDRESS_FIELDS if form.get(f"shipping_{name}")}
    if address:
        fields["shipping_address"] = address

    def finish(answered: Source) -> str:
        current = payment_links.find(seller, link["id"])
        payment = payment_links.pay(square, seller, current, answered, tip=tip, fields=fields)
        return _next(square, current, payment) or page

    if not source.challenge:
        return finish(source)
    if payment_links.is_paid(seller, link):
        return page
    total = money(amount_of(order["net_amount_due_money"]) + tip, currency)
    challenge = verification.Challenge(
        source=source,
        finish=finish,
        back=page,
        seller_name=seller.merchant["business_name"],
        amount=display(total),
        ends_at=verification.ends_at(square),
    )
    return verification.begin(square, challenge)


def _tip(typed: str, percentage: str, due: int, currency: str) -> int:
    if percentage.isdigit() and int(percentage) in TIP_PERCENTAGES:
        return int(Decimal(due) * int(percentage) / 100)
    return card_form.minor_units(typed, currency)


def _next(square: Square, link: Record, payment: Record) -> str | None:
    """The seller's own thank-you page; in Square's sandbox nothing is added to its address."""
    target = (link.get("checkout_options") or {}).get("redirect_url")
    if not target or not square.settings.redirect_parameters:
        return target
    added = urlencode({"transactionId": payment["id"], "orderId": payment["order_id"]})
    return f"{target}{'&' if urlsplit(target).query else '?'}{added}"


def _shown(seller: Seller, link: Record, *, error: str | None = None, status: int = 200) -> Response:
    order = orders.find(seller, link["order_id"])
    options, prefilled = link.get("checkout_options") or {}, link.get("pre_populated_data") or {}
    due, currency = amount_of(order["net_amount_due_money"]), order["total_money"]["currency"]
    page = render_template(
        "square/checkout.html",
        link=link,
        seller=seller.merchant,
        lines=order_lines.shown(order, charge_words="Shipping"),
        total=display(order["total_money"]),
        due=display(order["net_amount_due_money"]),
        paid=payment_links.is_paid(seller, link),
        tips=[(share, display(money(due * share // 100, currency))) for share in TIP_PERCENTAGES]
        if options.get("allow_tipping")
        else [],
        shipping=options.get("ask_for_shipping_address"),
        email=prefilled.get("buyer_email", ""),
        custom_fields=options.get("custom_fields") or [],
        support=options.get("merchant_support_email"),
        form=request.form,
        error=error,
    )
    return Response(page, status)
