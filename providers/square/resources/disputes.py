"""Disputes about one seller's payments, and the evidence kept for them."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Any

from providers.contract import Verb
from providers.errors import Rejected, Unsupported, VersionConflict
from providers.records import Dispute, DisputeDraft, DisputeStatus, Draft, Page, Window
from providers.square.cursor import Place
from providers.square.errors import Intent
from providers.square.mapping.dispute import TEXT_MAX_CHARS, dispute, evidence_texts
from providers.square.mapping.known_fields import watch
from providers.square.resources.windows import changed_after, created_within
from providers.square.wire import Wire, checked_id


class Disputes:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self, *, created: Window | None, changed_since: datetime | None, cursor: str | None, open_only: bool
    ) -> Page[Dispute]:
        """Of all locations: ListDisputes leaves none out, and knows no times."""
        place = Place.unpacked(cursor)
        params = {"cursor": place.square_cursor} if place.square_cursor else {}
        answer = self._wire.read("GET", "/v2/disputes", params=params)
        found = answer.data.get("disputes") or []
        watch("dispute", found, at=answer.as_of)
        records = tuple(
            [
                dispute(raw, as_of=answer.as_of)
                for raw in found
                if (created is None or created_within(raw, created))
                and (changed_since is None or changed_after(raw, changed_since))
            ]
        )
        return Page(records=records, next_cursor=place.after(answer.data.get("cursor"), []))

    def get(self, id: str) -> Dispute:
        answer = self._wire.read("GET", f"/v2/disputes/{checked_id(id)}")
        return dispute(answer.data["dispute"], as_of=answer.as_of)

    def create(self, draft: Draft[Any], *, key: str) -> Dispute:
        raise Unsupported("Only a payer's bank begins a dispute")

    def update(self, id: str, draft: Draft[Any], *, version: str | None, key: str) -> Dispute:
        """Each kind of evidence is a text of its own in pieces of 500 characters; a new text replaces the old ones of its kind.
        What is there already is not sent again, so that a repetition after a lost answer does no harm."""
        if not isinstance(draft, DisputeDraft):
            raise Unsupported(f"Square cannot write a dispute from {type(draft).__name__}")
        current = self._awaiting(id, version)
        texts = evidence_texts(draft)
        kept = self._evidence(current.id) if texts else []
        number = 0
        for evidence_type, text in texts.items():
            pieces = [text[start : start + TEXT_MAX_CHARS] for start in range(0, len(text), TEXT_MAX_CHARS)]
            old = [item for item in kept if item.get("evidence_type") == evidence_type and not item.get("evidence_file")]
            there = [item.get("evidence_text") for item in old]
            for item in old:
                if item.get("evidence_text") not in pieces:
                    self._remove(current.id, item)
            for piece in pieces:
                number += 1
                if piece not in there:
                    self._add(current.id, evidence_type, piece, f"{key}.e{number}")
        return self.get(current.id)

    def perform(self, verb: Verb, id: str, *, version: str | None, key: str) -> Dispute:
        """Both are final. Square takes no key for either."""
        current = self._awaiting(id, version)
        if verb is Verb.SUBMIT:
            answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.disputes.submit_evidence, current.id)
        elif verb is Verb.ACCEPT:
            answer = self._wire.write(Intent.UNKEYED, lambda sdk: sdk.disputes.accept, current.id)
        else:
            raise Unsupported(f"Square cannot {verb} a dispute")
        return dispute(answer.data["dispute"], as_of=answer.as_of)

    def _awaiting(self, id: str, version: str | None) -> Dispute:
        """The dispute now, if it is still the merchant's turn."""
        current = self.get(id)
        if version is not None and current.version is not None and version != current.version:
            raise VersionConflict("The dispute was changed at Square meanwhile.")
        if current.status is not DisputeStatus.NEEDS_RESPONSE:
            raise Rejected("Square no longer takes an answer to this dispute.", code="dispute_closed")
        return current

    def _evidence(self, dispute_id: str) -> builtins.list[dict[str, Any]]:
        found: builtins.list[dict[str, Any]] = []
        params: dict[str, str] = {}
        while True:
            data = self._wire.read("GET", f"/v2/disputes/{dispute_id}/evidence", params=params).data
            found += data.get("evidence") or []
            if not data.get("cursor"):
                return found
            params = {"cursor": data["cursor"]}

    def _add(self, dispute_id: str, evidence_type: str, text: str, key: str) -> None:
        self._wire.write(
            Intent.KEYED,
            lambda sdk: sdk.disputes.create_evidence_text,
            dispute_id,
            idempotency_key=key,
            evidence_text=text,
            evidence_type=evidence_type,
        )

    def _remove(self, dispute_id: str, item: dict[str, Any]) -> None:
        evidence_id = checked_id(str(item.get("id") or item.get("evidence_id") or ""))
        self._wire.write(Intent.UNKEYED, lambda sdk: sdk.disputes.evidence.delete, dispute_id, evidence_id)
