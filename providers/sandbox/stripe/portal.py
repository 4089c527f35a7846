"""The billing portal: /v1/billing_portal/configurations and /v1/billing_portal/sessions."""

from typing import Any

from providers.sandbox.stripe.call import Call, operation
from providers.sandbox.stripe.customers import existing_customer
from providers.sandbox.stripe.errors import ApiError, no_such
from providers.sandbox.stripe.events import emit
from providers.sandbox.stripe.ids import new_id
from providers.sandbox.stripe.lists import list_answer
from providers.sandbox.stripe.params import blank_to_none, merged_metadata, required
from providers.sandbox.stripe.store import Record
from providers.sandbox.stripe.subscription_records import existing_subscription

NO_CONFIGURATION = (
    "No configuration provided and your test mode default configuration has not been created. Provide a configuration or create "
    "your default by saving your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal."
)


def configuration_record(configuration_id: str, *, created: int, livemode: bool, application: str | None) -> Record:
    """Everything that a portal can offer is off but the list of invoices."""
    return {
        "id": configuration_id,
        "object": "billing_portal.configuration",
        "active": True,
        "application": application,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": created,
        "default_return_url": None,
        "features": {
            "customer_update": {"allowed_updates": [], "enabled": False},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": False, "payment_method_configuration": None},
            "subscription_cancel": {
                "cancellation_reason": {"enabled": False, "feedback_options": None, "options": []},
                "enabled": False,
                "mode": "at_period_end",
                "proration_behavior": "none",
            },
            "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
            "subscription_update": {
                "billing_cycle_anchor": None,
                "default_allowed_updates": [],
                "enabled": False,
                "products": [],
                "proration_behavior": "none",
                "schedule_at_period_end": {"conditions": []},
                "trial_update_behavior": "end_trial",
            },
        },
        "is_default": False,
        "livemode": livemode,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": created,
    }


def existing_configuration(call: Call, configuration_id: str) -> Record:
    configuration = call.store.portal_configurations.get(configuration_id)
    if configuration is None:
        raise no_such("configuration", configuration_id, param="configuration")
    return configuration


@operation("POST /v1/billing_portal/configurations")
def create_configuration(call: Call) -> Record:
    configuration = configuration_record(
        new_id("bpc_1", length=23), created=call.now, livemode=call.livemode, application=call.application
    )
    _apply(configuration, call.params)
    call.store.portal_configurations.put(configuration)
    emit(call, "billing_portal.configuration.created", configuration)
    return configuration


@operation("GET /v1/billing_portal/configurations")
def list_configurations(call: Call) -> bytes:
    equal = {name: call.params.get(name) for name in ("active", "is_default")}
    return list_answer(call, call.store.portal_configurations, equal=equal)


@operation("GET /v1/billing_portal/configurations/{configuration}")
def get_configuration(call: Call) -> Record:
    return existing_configuration(call, call.ids["configuration"])


@operation("POST /v1/billing_portal/configurations/{configuration}")
def update_configuration(call: Call) -> Record:
    before, configuration = get_configuration(call), get_configuration(call)
    _apply(configuration, call.params)
    configuration["updated"] = call.now
    call.store.portal_configurations.put(configuration)
    emit(call, "billing_portal.configuration.updated", configuration, before=before)
    return configuration


@operation("POST /v1/billing_portal/sessions")
def create_portal_session(call: Call) -> Record:
    params = call.params
    customer = existing_customer(call, required(params, "customer"))
    configuration = _configuration_for(call, params.get("configuration"))
    token = f"{'live' if call.livemode else 'test'}_{new_id('', length=40)}"
    session: Record = {
        "id": new_id("bps_1", length=23),
        "object": "billing_portal.session",
        "after_expiration": None,
        "configuration": configuration["id"],
        "created": call.now,
        "customer": customer["id"],
        "customer_account": None,
        "flow": _flow(call, params.get("flow_data")),
        "livemode": call.livemode,
        "locale": params.get("locale"),
        "on_behalf_of": None,
        "return_url": params.get("return_url") or configuration["default_return_url"],
        "url": f"{call.world.base_url}/p/session/{token}",
    }
    call.store.portal_sessions.put(session)
    call.world.portal_tokens[token] = (call.account.id, call.livemode, session["id"])
    emit(call, "billing_portal.session.created", session)
    return session


def _configuration_for(call: Call, configuration_id: str | None) -> Record:
    """The one asked for, or the default; the twin makes a default that offers everything unless it was told to be strict."""
    if configuration_id:
        return existing_configuration(call, configuration_id)
    defaults = call.store.portal_configurations.find(is_default=True)
    if defaults:
        return defaults[0]
    if call.world.options.portal_needs_configuration:
        raise ApiError(400, NO_CONFIGURATION)
    default = configuration_record(new_id("bpc_1", length=23), created=call.now, livemode=call.livemode, application=None)
    for name in ("payment_method_update", "subscription_cancel", "customer_update"):
        default["features"][name]["enabled"] = True
    default["is_default"] = True
    call.store.portal_configurations.put(default)
    return default


def _flow(call: Call, wanted: dict[str, Any] | None) -> Record | None:
    if not wanted:
        return None
    kind = wanted["type"]
    flow: Record = dict.fromkeys(
        ("customer_update", "subscription_cancel", "subscription_pause", "subscription_update", "subscription_update_confirm")
    )
    after = wanted.get("after_completion") or {"type": "portal_homepage"}
    flow["after_completion"] = {"hosted_confirmation": None, "redirect": None, **after}
    flow["type"] = kind
    if kind.startswith("subscription_"):
        details = required(wanted, kind)
        existing_subscription(call, details["subscription"], param=f"flow_data[{kind}][subscription]")
        flow[kind] = {"subscription": details["subscription"]}
        if kind == "subscription_cancel":
            flow[kind]["retention"] = None
    return flow


def _apply(configuration: Record, params: dict[str, Any]) -> None:
    for name in ("active", "default_return_url", "name"):
        if name in params:
            configuration[name] = blank_to_none(params[name])
    if "business_profile" in params:
        configuration["business_profile"] |= {name: blank_to_none(value) for name, value in params["business_profile"].items()}
    for name, feature in (params.get("features") or {}).items():
        configuration["features"][name] |= {key: [] if value == "" else value for key, value in feature.items()}
    if "login_page" in params:
        configuration["login_page"]["enabled"] = params["login_page"]["enabled"]
    if "metadata" in params:
        configuration["metadata"] = merged_metadata(configuration["metadata"], params["metadata"])
