"""The calls for disputes: evidence is gathered first, and sent to the bank once."""

from __future__ import annotations

from datetime import datetime

from providers.contract import Verb
from providers.errors import Unsupported
from providers.records import Dispute, DisputeDraft, Draft, JsonObject
from providers.stripe.mapping.dispute import dispute, evidence
from providers.stripe.mapping.values import Json
from providers.stripe.resources.base import Resource, options


class Disputes(Resource[Dispute]):
    path = "/v1/disputes"

    def record(self, raw: Json, as_of: datetime) -> Dispute:
        return dispute(raw, as_of)

    def update(self, id: str, draft: Draft[Dispute], *, key: str) -> Dispute:
        """Kept at Stripe, not yet sent: evidence is submitted with each update unless told otherwise (Stripe docs: disputes)."""
        assert isinstance(draft, DisputeDraft)
        told = evidence(draft)
        answer = self.connection.write(lambda sdk: sdk.v1.disputes.update(id, {"evidence": told, "submit": False}, options(key)))
        return dispute(answer.body, answer.as_of)

    def perform(self, verb: Verb, id: str, *, key: str, choices: JsonObject) -> Dispute:
        """SUBMIT sends what is kept; the bank takes it once, as a rule. ACCEPT gives in: the dispute is lost, for good."""
        match verb:
            case Verb.SUBMIT:
                answer = self.connection.write(lambda sdk: sdk.v1.disputes.update(id, {"submit": True}, options(key)))
            case Verb.ACCEPT:
                answer = self.connection.write(lambda sdk: sdk.v1.disputes.close(id, {}, options(key)))
            case _:
                raise Unsupported(f"Stripe cannot {verb} a dispute")
        return dispute(answer.body, answer.as_of)
