"""Pages that a payer sees: the hosted invoice, the bank's 3-D Secure page, and a plain page to come back to."""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from providers.sandbox.stripe.call import Call, dashboard_call
from providers.sandbox.stripe.cards import MESSAGES
from providers.sandbox.stripe.errors import ApiError
from providers.sandbox.stripe.invoice_collection import attempt_payment, note_failed_attempt
from providers.sandbox.stripe.invoice_records import existing_invoice
from providers.sandbox.stripe.payment_intents import finish_authentication
from providers.sandbox.stripe.payment_methods import card_of_number, new_payment_method
from providers.sandbox.stripe.setup_intents import finish_setup_authentication
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.world import World

WITHOUT_DECIMALS = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
WITH_THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}


def display_money(minor_units: int, currency: str) -> str:
    if currency in WITHOUT_DECIMALS:
        return f"{minor_units:,} {currency.upper()}"
    digits = 3 if currency in WITH_THREE_DECIMALS else 2
    whole, rest = divmod(abs(minor_units), 10**digits)
    return f"{'-' if minor_units < 0 else ''}{whole:,}.{rest:0{digits}d} {currency.upper()}"


def pages_blueprint(world: World) -> Blueprint:
    blueprint = Blueprint("pages", __name__, template_folder="templates")
    blueprint.add_app_template_filter(display_money, "display_money")

    @blueprint.get("/i/<account_id>/<token>")
    def hosted_invoice(account_id: str, token: str) -> str:
        call, invoice = _hosted(world, account_id, token)
        return _invoice_page(call, invoice)

    @blueprint.post("/i/<account_id>/<token>")
    def pay(account_id: str, token: str) -> AnyResponse:
        with world.lock:
            call, invoice = _hosted(world, account_id, token)
            try:
                _pay(call, invoice, request.form)
            except ApiError as problem:
                intent = problem.error.get("payment_intent") or {}
                if intent.get("status") == "requires_action":
                    return redirect(
                        intent["next_action"]["redirect_to_url"]["url"]
                        + "?"
                        + urlencode({"return": invoice["hosted_invoice_url"]})
                    )
                return Response(_invoice_page(call, existing_invoice(call, invoice["id"]), str(problem)), 402)
        return redirect(request.path, 303)

    @blueprint.get("/i/<account_id>/<token>/pdf")
    def pdf(account_id: str, token: str) -> Response:
        _, invoice = _hosted(world, account_id, token)
        return Response(_pdf(invoice), content_type="application/pdf")

    @blueprint.get("/3ds/<account_id>/<client_secret>")
    def authentication_page(account_id: str, client_secret: str) -> str:
        _, intent = _intent_of_secret(world, account_id, client_secret)
        return render_template("stripe/authenticate.html", intent=intent)

    @blueprint.post("/3ds/<account_id>/<client_secret>")
    def authenticate_payer(account_id: str, client_secret: str) -> AnyResponse:
        with world.lock:
            call, intent = _intent_of_secret(world, account_id, client_secret)
            if intent["status"] != "requires_action":
                return Response(render_template("stripe/authenticate.html", intent=intent), 409)
            is_setup = intent["object"] == "setup_intent"
            back = request.args.get("return") or intent["next_action"]["redirect_to_url"]["return_url"]
            outcome, passed = "succeeded", request.form.get("decision") == "complete"
            try:
                (finish_setup_authentication if is_setup else finish_authentication)(call, intent["id"], passed)
            except ApiError as problem:
                note_failed_attempt(call, intent["id"], problem.error.get("code"))
                outcome = "failed"
        query = f"{intent['object']}={intent['id']}&redirect_status={outcome}"
        return redirect(back + ("&" if "?" in back else "?") + query, 303)

    @blueprint.get("/done")
    def done() -> str:
        return render_template("stripe/done.html", outcome=request.args.get("redirect_status", "done"))

    return blueprint


def pay_hosted(call: Call, invoice: Record, number: str) -> Record:
    """A payer pays an open invoice with a test card. Raises ApiError as Stripe would answer."""
    card = card_of_number(number)
    method = new_payment_method(call, card, {"name": invoice["customer_name"] or "", "email": invoice["customer_email"] or ""})
    return attempt_payment(call, invoice, method["id"], off_session=False)


def _pay(call: Call, invoice: Record, form: Mapping[str, str]) -> None:
    if invoice["status"] not in ("open", "uncollectible"):
        return
    check_expiry(call, form)
    pay_hosted(call, invoice, form.get("number", ""))


def check_expiry(call: Call, form: Mapping[str, str]) -> None:
    """MM/YY as typed. Raises a card error for a month that is over or none."""
    expiry = "".join(letter for letter in form.get("expiry", "12/34") if letter.isdigit())
    year, month = 2000 + int(expiry[2:4] or 0), int(expiry[:2] or 0)
    now = call.world.clock.now()
    if not 1 <= month <= 12 or (year, month) < (now.year, now.month):
        raise ApiError(402, MESSAGES["expired_card"], code="invalid_expiry_year")


def _hosted(world: World, account_id: str, token: str) -> tuple[Call, Record]:
    account = world.accounts.get(account_id)
    if account is None:
        raise NotFound("There is no such invoice page.")
    for livemode in (False, True):
        store = world.store(account_id, livemode)
        if token in store.hosted_tokens:
            call = dashboard_call(world, account, livemode)
            return call, existing_invoice(call, store.hosted_tokens[token])
    raise NotFound("There is no such invoice page.")


def _intent_of_secret(world: World, account_id: str, client_secret: str) -> tuple[Call, Record]:
    intent_id = client_secret.partition("_secret_")[0]
    account = world.accounts.get(account_id)
    for livemode in (False, True):
        store = world.store(account_id, livemode) if account else None
        intent = (store.payment_intents.get(intent_id) or store.setup_intents.get(intent_id)) if store else None
        if account is not None and intent is not None and intent["client_secret"] == client_secret:
            return dashboard_call(world, account, livemode), intent
    raise NotFound("There is no such payment.")


def _invoice_page(call: Call, invoice: Record, error: str | None = None) -> str:
    lines = call.store.invoice_lines.get(invoice["id"], invoice["lines"]["data"])
    return render_template("stripe/invoice.html", invoice=invoice, lines=lines, error=error, account=call.account)


def _pdf(invoice: Record) -> bytes:
    """The smallest PDF that shows number and total."""
    total = display_money(invoice["total"], invoice["currency"])
    text = f"BT /F1 18 Tf 72 720 Td (Invoice {invoice['number']}: {total}) Tj ET".encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(parts) + 1
    return body + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        size,
        len(body),
    )
