"""The Disputes API: list by state, accept, and collect evidence as text or file before it is submitted."""

from collections.abc import Iterable

from providers.sandbox.square import disputes, ids, times
from providers.sandbox.square.errors import bad_request, invalid, missing, not_found
from providers.sandbox.square.events import record_event
from providers.sandbox.square.http import Answer, Call, Routes
from providers.sandbox.square.locations import location_of
from providers.sandbox.square.pagination import page_body, page_of
from providers.sandbox.square.shelf import Record

KEY_MAX_CHARS = 45
PAGE_SIZE = 100
FILE_TYPES = ("image/heic", "image/heif", "image/jpeg", "application/pdf", "image/png", "image/tiff")
FILE_MAX_BYTES = 5 * 1024 * 1024
STATES = (*disputes.OPEN, "INQUIRY_CLOSED", "WON", "LOST", "ACCEPTED")
PATH = "/v2/disputes/<dispute_id>"

routes = Routes()


@routes.on("GET", "/v2/disputes", scopes=("DISPUTES_READ",), query=("cursor", "states", "location_id"))
def list_disputes(call: Call) -> Answer:
    """All locations unless one is named, newest first. Several states come as repeated parameters or one with commas."""
    states, location_id = set(_states(call.list_of("states"))), call.query.get("location_id")
    if location_id is not None:
        location_of(call.seller, location_id)
    return page_body(
        call,
        call.seller.disputes,
        "disputes",
        order="CREATED_AT",
        limit=PAGE_SIZE,
        query=["list", sorted(states), location_id],
        cursor=call.query.get("cursor"),
        descending=True,
        where=lambda dispute: (not states or dispute["state"] in states) and location_id in (None, dispute["location_id"]),
    )


def _states(names: Iterable[str]) -> list[str]:
    found = [name for part in names for name in part.split(",") if name]
    if unknown := [name for name in found if name not in STATES]:
        raise invalid("INVALID_ENUM_VALUE", f"`{unknown[0]}` is not a valid enum value for `states`.", "states")
    return found


@routes.on("GET", PATH, scopes=("DISPUTES_READ",))
def get_dispute(call: Call, dispute_id: str) -> Answer:
    return {"dispute": disputes.find(call.seller, dispute_id)}


@routes.on("POST", f"{PATH}/accept", scopes=("DISPUTES_WRITE",))
def accept_dispute(call: Call, dispute_id: str) -> Answer:
    return {"dispute": disputes.accept(call.square, call.seller, disputes.find(call.seller, dispute_id))}


@routes.on("POST", f"{PATH}/submit-evidence", scopes=("DISPUTES_WRITE",))
def submit_evidence(call: Call, dispute_id: str) -> Answer:
    return {"dispute": disputes.submit(call.square, call.seller, disputes.find(call.seller, dispute_id))}


@routes.on("POST", f"{PATH}/evidence-text", scopes=("DISPUTES_WRITE",), body="CreateDisputeEvidenceTextRequest")
def create_text(call: Call, dispute_id: str) -> Answer:
    if not call.body["evidence_text"]:
        raise missing("evidence_text")
    return _added(call, dispute_id, {"evidence_text": call.body["evidence_text"]})


@routes.on(
    "POST",
    f"{PATH}/evidence-files",
    scopes=("DISPUTES_WRITE",),
    body="CreateDisputeEvidenceFileRequest",
    multipart=True,
)
def create_file(call: Call, dispute_id: str) -> Answer:
    file = call.files.get("image_file")
    if file is None:
        raise missing("image_file")
    kind = call.body.get("content_type") or file.mimetype
    if kind.lower() not in FILE_TYPES:
        raise invalid("UNSUPPORTED_MEDIA_TYPE", f"Evidence cannot be of type `{kind}`.", "content_type")
    if len(file.read()) > FILE_MAX_BYTES:
        raise invalid("INVALID_VALUE", "An evidence file has at most 5 MB.", "image_file")
    return _added(call, dispute_id, {"evidence_file": {"filename": (file.filename or "file")[-40:], "filetype": kind}})


def _added(call: Call, dispute_id: str, content: Record) -> Record:
    seller, square = call.seller, call.square

    def make() -> str:
        if not call.body["idempotency_key"]:
            raise missing("idempotency_key")
        dispute = _open_to_evidence(call, dispute_id)
        evidence_id = ids.evidence()
        evidence = {
            "id": evidence_id,
            "evidence_id": evidence_id,
            "dispute_id": dispute_id,
            "evidence_type": call.body.get("evidence_type") or "GENERIC_EVIDENCE",
            "uploaded_at": times.wire(square.now(), 3),
            **content,
        }
        seller.evidence.setdefault(dispute_id, []).append(evidence)
        record_event(square, seller, "dispute.evidence.created", _with_ids(call, dispute))
        return evidence_id

    return call.once(
        f"DisputeEvidence {dispute_id}",
        make,
        lambda made: {"evidence": _find(call, dispute_id, made)},
        key_max_chars=KEY_MAX_CHARS,
    )


def _open_to_evidence(call: Call, dispute_id: str) -> Record:
    dispute = disputes.find(call.seller, dispute_id)
    if dispute["state"] not in disputes.ANSWERABLE:
        raise bad_request(f"The evidence of a dispute in state {dispute['state']} cannot be changed.", "dispute_id")
    return dispute


def _with_ids(call: Call, dispute: Record) -> Record:
    """The dispute with its evidence_ids, stored so."""
    evidence_ids = [evidence["id"] for evidence in call.seller.evidence.get(dispute["id"], [])]
    moment = times.wire(call.square.now(), 3)
    changed = {**dispute, "evidence_ids": evidence_ids, "updated_at": moment, "version": dispute["version"] + 1}
    call.seller.disputes.put(changed, call.square.clock.timestamp())
    return changed


def _find(call: Call, dispute_id: str, evidence_id: str) -> Record:
    disputes.find(call.seller, dispute_id)
    known = [evidence for evidence in call.seller.evidence.get(dispute_id, []) if evidence["id"] == evidence_id]
    if not known:
        raise not_found("Dispute evidence", evidence_id, "evidence_id")
    return known[0]


@routes.on("GET", f"{PATH}/evidence", scopes=("DISPUTES_READ",), query=("cursor",))
def list_evidence(call: Call, dispute_id: str) -> Answer:
    disputes.find(call.seller, dispute_id)
    keyed = [(f"{number:06d}", evidence) for number, evidence in enumerate(call.seller.evidence.get(dispute_id, []))]
    return page_of(call, keyed, "evidence", limit=PAGE_SIZE, query=[dispute_id], cursor=call.query.get("cursor"))


@routes.on("GET", f"{PATH}/evidence/<evidence_id>", scopes=("DISPUTES_READ",))
def get_evidence(call: Call, dispute_id: str, evidence_id: str) -> Answer:
    return {"evidence": _find(call, dispute_id, evidence_id)}


@routes.on("DELETE", f"{PATH}/evidence/<evidence_id>", scopes=("DISPUTES_WRITE",))
def delete_evidence(call: Call, dispute_id: str, evidence_id: str) -> Answer:
    known = _find(call, dispute_id, evidence_id)
    dispute = _open_to_evidence(call, dispute_id)
    call.seller.evidence[dispute_id].remove(known)
    record_event(call.square, call.seller, "dispute.evidence.deleted", _with_ids(call, dispute))
    return {}
