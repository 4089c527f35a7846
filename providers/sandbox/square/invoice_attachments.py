"""Files attached to an invoice: uploaded as multipart, counted and hashed, not kept."""

import hashlib

from providers.sandbox.square import ids, invoices, times
from providers.sandbox.square.errors import bad_request, invalid, missing, not_found
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.invoice_settlement import saved
from providers.sandbox.square.shelf import Record

KEY_MAX_CHARS = 128
MOST_FILES = 10
TYPES = ("image/gif", "image/jpeg", "image/png", "image/tiff", "image/bmp", "application/pdf")
PATH = "/v2/invoices/<invoice_id>/attachments"

routes = Routes()


@routes.on("POST", PATH, scopes=("INVOICES_WRITE",), body="CreateInvoiceAttachmentRequest", multipart=True)
def create_attachment(call: Call, invoice_id: str) -> Answer:
    def make() -> str:
        invoice = invoices.find(call.seller, invoice_id)
        if invoice["status"] not in invoices.CHANGEABLE:
            raise bad_request(f"An invoice in state {invoice['status']} takes no attachments.", "invoice_id")
        file = call.files.get("image_file")
        if file is None:
            raise missing("image_file")
        content, known = file.read(), invoice.get("attachments") or []
        if file.mimetype not in TYPES:
            raise invalid("UNSUPPORTED_MEDIA_TYPE", f"Files of type `{file.mimetype}` cannot be attached.", "image_file")
        if len(known) >= MOST_FILES:
            raise bad_request(f"An invoice has at most {MOST_FILES} attachments.", "image_file")
        most = call.square.settings.attachments_max_bytes
        if sum(part["filesize"] for part in known) + len(content) > most:
            raise bad_request(f"The attachments of an invoice have at most {most} bytes together.", "image_file")
        attachment = {
            "id": ids.attachment(),
            "filename": file.filename or "file",
            "description": call.body.get("description") or "",
            "filesize": len(content),
            "hash": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "mime_type": file.mimetype,
            "uploaded_at": times.wire(call.square.now(), 0),
        }
        saved(call.square, call.seller, {**invoice, "attachments": [*known, attachment]}, "invoice.updated")
        return str(attachment["id"])

    def show(made: str) -> Record:
        known = invoices.find(call.seller, invoice_id).get("attachments") or []
        return {"attachment": next((part for part in known if part["id"] == made), {})}

    return call.once(f"InvoiceAttachment {invoice_id}", make, show, key_max_chars=KEY_MAX_CHARS)


@routes.on("DELETE", f"{PATH}/<attachment_id>", scopes=("INVOICES_WRITE",))
def delete_attachment(call: Call, invoice_id: str, attachment_id: str) -> Answer:
    invoice = invoices.find(call.seller, invoice_id)
    known = invoice.get("attachments") or []
    rest = [part for part in known if part["id"] != attachment_id]
    if len(rest) == len(known):
        raise not_found("Attachment", attachment_id, "attachment_id")
    changed = {name: value for name, value in invoice.items() if name != "attachments"}
    saved(call.square, call.seller, {**changed, **({"attachments": rest} if rest else {})}, "invoice.updated")
    return {}
