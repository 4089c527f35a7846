"""The call for a customer's billing portal."""

from __future__ import annotations

from stripe.params.billing_portal import SessionCreateParams

from providers.records import BillingPortal, BillingPortalDraft, Draft
from providers.stripe.mapping.billing_portal import billing_portal
from providers.stripe.resources.base import Resource, options


class BillingPortals(Resource[BillingPortal]):
    path = "/v1/billing_portal/sessions"

    def create(self, draft: Draft[BillingPortal], *, key: str) -> BillingPortal:
        """Needs a portal configuration in the account's Dashboard; without one Stripe refuses and says so."""
        assert isinstance(draft, BillingPortalDraft)
        parameters: SessionCreateParams = {"customer": draft.customer_id, "return_url": draft.return_url}
        answer = self.connection.write(lambda sdk: sdk.v1.billing_portal.sessions.create(parameters, options(key)), creating=True)
        return billing_portal(answer.body, answer.as_of)
