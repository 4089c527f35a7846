"""The members of Square's objects that we know of, in the version we pin and the older one we read: a new one is noticed.

Made from the SDK's models and Square's OpenAPI document of 2025-08-20; a name stays here when Square drops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from providers import drift

_OBJECTS: Final = """\
customer:
    address birthday company_name created_at creation_source email_address family_name given_name group_ids id nickname note
    phone_number preferences reference_id segment_ids tax_ids updated_at version
invoice:
    accepted_payment_methods attachments created_at creator_team_member_id custom_fields delivery_method description id
    invoice_number location_id next_payment_amount_money order_id payment_conditions payment_requests primary_recipient
    public_url sale_or_service_date scheduled_at status store_payment_method_enabled subscription_id timezone title updated_at
    version
payment:
    amount_money app_fee_allocations app_fee_money application_details approved_money bank_account_details billing_address
    buy_now_pay_later_details buyer_currency_exchange buyer_email_address capabilities card_details cash_details created_at
    customer_id delay_action delay_duration delayed_until device_details electronic_money_details employee_id external_details
    id is_offline_payment location_id note offline_payment_details order_id processing_fee receipt_number receipt_url
    reference_id refund_ids refunded_money risk_evaluation shipping_address source_type square_account_details
    statement_description_identifier status team_member_id terminal_checkout_id tip_money total_money updated_at version_token
    wallet_details
refund:
    amount_money app_fee_allocations app_fee_money created_at destination_details destination_type id location_id order_id
    payment_id processing_fee reason status team_member_id terminal_refund_id unlinked updated_at
order:
    closed_at created_at customer_id discounts fulfillments id line_items location_id metadata net_amount_due_money
    net_amounts pricing_options reference_id refunds return_amounts returns rewards rounding_adjustment service_charges source
    state taxes tenders ticket_name total_discount_money total_money total_service_charge_money total_tax_money
    total_tip_money updated_at version
location:
    address business_email business_hours business_name capabilities coordinates country created_at currency
    custom_receipt_text description facebook_url full_format_logo_url id instagram_username language_code logo_url mcc
    merchant_id name phone_number pos_background_url return_policy status tax_ids timezone twitter_username type website_url
card:
    billing_address bin card_brand card_co_brand card_type cardholder_name created_at customer_id disabled_at enabled
    exp_month exp_year fingerprint hsa_fsa id issuer_alert issuer_alert_at last_4 merchant_id prepaid_type reference_id
    version
subscription:
    actions canceled_date card_id charged_through_date completed_date created_at customer_id id invoice_ids location_id
    monthly_billing_anchor_date phases plan_variation_id price_override_money source start_date status tax_percentage timezone
    version
dispute:
    amount_money brand_dispute_id card_brand created_at dispute_id disputed_payment due_at evidence_ids id location_id reason
    reported_at reported_date state updated_at version
payout:
    amount_money arrival_date created_at destination end_to_end_id id location_id payout_fee status type updated_at version
payout_entry:
    effective_at fee_amount_money gross_amount_money id net_amount_money payout_id type type_app_fee_refund_details
    type_app_fee_revenue_details type_automatic_savings_details type_automatic_savings_reversed_details type_charge_details
    type_deposit_fee_details type_deposit_fee_reversed_details type_dispute_details type_fee_details
    type_free_processing_details type_hold_adjustment_details type_open_dispute_details type_other_adjustment_details
    type_other_details type_refund_details type_release_adjustment_details type_reserve_hold_details
    type_reserve_release_details type_square_capital_payment_details type_square_capital_reversed_payment_details
    type_square_payroll_transfer_details type_square_payroll_transfer_reversed_details type_tax_on_fee_details
    type_third_party_fee_details type_third_party_fee_refund_details
payment_link:
    checkout_options created_at description id long_url order_id payment_note pre_populated_data updated_at url version
inventory_count:
    calculated_at catalog_object_id catalog_object_type is_estimated location_id quantity state
terminal_checkout:
    amount_money app_fee_money app_id cancel_reason created_at customer_id deadline_duration device_options id location_id
    note order_id payment_ids payment_options payment_type reference_id statement_description_identifier status team_member_id
    tip_money updated_at
catalog_object:
    absent_at_location_ids availability_period_data catalog_v1_ids catalog_v1ids catalog_version category_data
    custom_attribute_definition_data custom_attribute_values discount_data id image_data image_id is_deleted item_data
    item_option_data item_option_value_data item_variation_data measurement_unit_data modifier_data modifier_list_data
    object_id objects ordinal present_at_all_locations present_at_location_ids pricing_rule_data product_set_data
    quick_amounts_settings_data subscription_plan_data subscription_plan_variation_data tax_data time_period_data type
    updated_at version
"""


def _parsed(text: str) -> dict[str, frozenset[str]]:
    objects: dict[str, frozenset[str]] = {}
    noun = ""
    for line in text.splitlines():
        if line.endswith(":"):
            noun = line[:-1]
            objects[noun] = frozenset()
        else:
            objects[noun] |= frozenset(line.split())
    return objects


KNOWN: Final[Mapping[str, frozenset[str]]] = _parsed(_OBJECTS)


def watch(noun: str, documents: Sequence[Mapping[str, Any]], *, at: datetime) -> None:
    """Counts members of these objects that are not known here."""
    if documents:
        drift.fields("square", noun, documents, KNOWN[noun], at=at)
