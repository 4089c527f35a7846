"""The Invoices API: one location per list or search, no date filter, versions on every write."""

from providers.sandbox.square import invoice_publishing, invoices
from providers.sandbox.square.access import require_scopes
from providers.sandbox.square.errors import bad_request, missing
from providers.sandbox.square.http import Answer, Call, Routes, check_version
from providers.sandbox.square.invoice_schedule import automatic_requests
from providers.sandbox.square.locations import location_of
from providers.sandbox.square.pagination import page_body, page_limit
from providers.sandbox.square.shelf import Record

KEY_MAX_CHARS = 128
WRITE = ("ORDERS_WRITE", "INVOICES_WRITE")

routes = Routes()


def _shown(call: Call, invoice_id: str) -> Record:
    invoice = invoices.find(call.seller, invoice_id)
    return {"invoice": invoice_publishing.refreshed(call.square, call.seller, invoice)}


def _check(call: Call, invoice: Record, given: object, *, required: bool = True) -> None:
    check_version(call.square, "invoice", invoice["version"], given, documented="VERSION_MISMATCH", required=required)


@routes.on("POST", "/v2/invoices", scopes=WRITE, body="CreateInvoiceRequest")
def create_invoice(call: Call) -> Answer:
    return call.once(
        "CreateInvoice",
        lambda: str(invoices.create(call.square, call.seller, call.body["invoice"])["id"]),
        lambda made: _shown(call, made),
        key_max_chars=KEY_MAX_CHARS,
    )


@routes.on("GET", "/v2/invoices/<invoice_id>", scopes=("INVOICES_READ",))
def get_invoice(call: Call, invoice_id: str) -> Answer:
    return _shown(call, invoice_id)


@routes.on("PUT", "/v2/invoices/<invoice_id>", scopes=WRITE, body="UpdateInvoiceRequest")
def update_invoice(call: Call, invoice_id: str) -> Answer:
    def make() -> str:
        invoice, changes = invoices.find(call.seller, invoice_id), call.body["invoice"]
        _check(call, invoice, changes.get("version"))
        cleared = [path.removeprefix("invoice.") for path in call.body.get("fields_to_clear") or []]
        invoices.change(call.square, call.seller, invoice, changes, cleared)
        return invoice_id

    return call.once(f"UpdateInvoice {invoice_id}", make, lambda made: _shown(call, made), key_max_chars=KEY_MAX_CHARS)


@routes.on("POST", "/v2/invoices/<invoice_id>/publish", scopes=WRITE, body="PublishInvoiceRequest")
def publish_invoice(call: Call, invoice_id: str) -> Answer:
    def make() -> str:
        invoice = invoices.find(call.seller, invoice_id)
        _check(call, invoice, call.body["version"])
        if automatic_requests(invoice):
            require_scopes(call.caller, ("CUSTOMERS_READ", "PAYMENTS_WRITE"))
        invoice_publishing.publish(call.square, call.seller, invoice)
        return invoice_id

    return call.once(f"PublishInvoice {invoice_id}", make, lambda made: _shown(call, made), key_max_chars=KEY_MAX_CHARS)


@routes.on("POST", "/v2/invoices/<invoice_id>/cancel", scopes=WRITE, body="CancelInvoiceRequest")
def cancel_invoice(call: Call, invoice_id: str) -> Answer:
    invoice = invoices.find(call.seller, invoice_id)
    _check(call, invoice, call.body["version"])
    return {"invoice": invoices.cancel(call.square, call.seller, invoice)}


@routes.on("DELETE", "/v2/invoices/<invoice_id>", scopes=WRITE, query=("version",))
def delete_invoice(call: Call, invoice_id: str) -> Answer:
    invoice = invoices.find(call.seller, invoice_id)
    _check(call, invoice, call.whole_number("version"), required=False)
    invoices.delete(call.square, call.seller, invoice)
    return {}


@routes.on("GET", "/v2/invoices", scopes=("INVOICES_READ",), query=("location_id", "cursor", "limit"))
def list_invoices(call: Call) -> Answer:
    location_id = call.query.get("location_id")
    if not location_id:
        raise missing("location_id")
    return _page(
        call, location_id, None, limit=call.whole_number("limit"), cursor=call.query.get("cursor"), query="list", ascending=False
    )


@routes.on("POST", "/v2/invoices/search", scopes=("INVOICES_READ",), body="SearchInvoicesRequest")
def search_invoices(call: Call) -> Answer:
    query = call.body["query"]
    location_ids, customer_ids = query["filter"]["location_ids"], query["filter"].get("customer_ids") or []
    if len(location_ids) != 1:
        raise bad_request("Exactly one location is needed.", "query.filter.location_ids")
    if len(customer_ids) > 1:
        raise bad_request("At most one customer can be given.", "query.filter.customer_ids")
    ascending = (query.get("sort") or {}).get("order") == "ASC"
    return _page(
        call,
        location_ids[0],
        customer_ids[0] if customer_ids else None,
        limit=call.body.get("limit"),
        cursor=call.body.get("cursor"),
        query=query,
        ascending=ascending,
    )


def _page(
    call: Call,
    location_id: str,
    customer_id: str | None,
    *,
    limit: int | None,
    cursor: str | None,
    query: object,
    ascending: bool,
) -> bytes:
    location_of(call.seller, location_id)

    def fits(invoice: Record) -> bool:
        recipient = invoice.get("primary_recipient") or {}
        return invoice["location_id"] == location_id and customer_id in (None, recipient.get("customer_id"))

    return page_body(
        call,
        call.seller.invoices,
        "invoices",
        order="INVOICE_SORT_DATE",
        limit=page_limit(limit, default=100, most=200, ignore_excess=True),
        query=[location_id, query],
        cursor=cursor,
        descending=not ascending,
        where=fits,
    )
