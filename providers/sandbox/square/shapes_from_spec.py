"""`python -m providers.sandbox.square.shapes_from_spec api.json`: rewrite static/request_shapes.json from Square's OpenAPI file.

The document in use is api.json of square/connect-api-specification, release 2025-08-20 (Apache-2.0).
"""

import json
import sys
from pathlib import Path
from typing import Any

REQUESTS = (
    "RevokeTokenRequest ObtainTokenRequest CreateCardRequest CreateCustomerRequest UpdateCustomerRequest "
    "SearchCustomersRequest BulkCreateCustomersRequest BulkDeleteCustomersRequest BulkRetrieveCustomersRequest "
    "BulkUpdateCustomersRequest SearchEventsRequest CreateInvoiceRequest UpdateInvoiceRequest SearchInvoicesRequest "
    "PublishInvoiceRequest CancelInvoiceRequest CreateOrderRequest UpdateOrderRequest BatchRetrieveOrdersRequest "
    "CalculateOrderRequest SearchOrdersRequest PayOrderRequest CreatePaymentRequest UpdatePaymentRequest "
    "CancelPaymentByIdempotencyKeyRequest CompletePaymentRequest RefundPaymentRequest CreateWebhookSubscriptionRequest "
    "UpdateWebhookSubscriptionRequest UpdateWebhookSubscriptionSignatureKeyRequest TestWebhookSubscriptionRequest "
    "CreateSubscriptionRequest SearchSubscriptionsRequest UpdateSubscriptionRequest BulkSwapPlanRequest "
    "PauseSubscriptionRequest ResumeSubscriptionRequest SwapPlanRequest ChangeBillingAnchorDateRequest "
    "CreateDisputeEvidenceTextRequest CreateDisputeEvidenceFileRequest CreatePaymentLinkRequest UpdatePaymentLinkRequest "
    "UpsertCatalogObjectRequest BatchUpsertCatalogObjectsRequest BatchRetrieveCatalogObjectsRequest "
    "SearchCatalogObjectsRequest BatchDeleteCatalogObjectsRequest BatchRetrieveInventoryCountsRequest "
    "BatchChangeInventoryRequest BatchRetrieveInventoryChangesRequest CreateTerminalCheckoutRequest "
    "SearchTerminalCheckoutsRequest CreateDeviceCodeRequest CreateInvoiceAttachmentRequest"
)
LEFT_OPEN = frozenset(
    [
        "Fulfillment",
        "OrderReturn",
        "Refund",
        "Tender",
        "OrderReward",
        "OrderLineItemModifier",
        "BusinessHours",
        "CustomerTaxIds",
        "TaxIds",
        "InvoiceRecipientTaxIds",
        "CustomerCustomAttributeFilters",
        "FilterValue",
        "OrderRoundingAdjustment",
        "OrderPricingOptions",
        "OrderQuantityUnit",
        "OfflinePaymentDetails",
        "DestinationDetails",
        "RiskEvaluation",
        "BankAccountPaymentDetails",
        "DigitalWalletDetails",
        "BuyNowPayLaterDetails",
        "SquareAccountDetails",
        "CardPaymentDetails",
        "InvoiceAttachment",
        "DeviceDetails",
        "ApplicationDetails",
        "OrderLineItemPricingBlocklists",
        "SearchOrdersFulfillmentFilter",
        "OrderMoneyAmounts",
        "DestinationDetailsCashRefundDetails",
        "DestinationDetailsExternalRefundDetails",
        "CatalogModifierList",
        "CatalogModifier",
        "CatalogTimePeriod",
        "CatalogProductSet",
        "CatalogPricingRule",
        "CatalogImage",
        "CatalogMeasurementUnit",
        "CatalogItemOption",
        "CatalogItemOptionValue",
        "CatalogCustomAttributeDefinition",
        "CatalogCustomAttributeValue",
        "CatalogQuickAmountsSettings",
        "CatalogAvailabilityPeriod",
        "CatalogV1Id",
        "CatalogItemModifierListInfo",
        "CatalogItemOptionForItem",
        "CatalogItemFoodAndBeverageDetails",
        "CatalogEcomSeoData",
        "CatalogStockConversion",
        "CatalogItemOptionValueForItemVariation",
        "CategoryPathToRootNode",
        "ItemVariationLocationOverrides",
        "CatalogQueryItemsForTax",
        "CatalogQueryItemsForModifierList",
        "CatalogQueryItemsForItemOptions",
        "CatalogQueryItemVariationsForItemOptionValues",
        "SourceApplication",
        "InventoryAdjustmentGroup",
    ]
)
"""Checked no further than that they are objects: the twin makes nothing of their parts."""
NEWER = {
    "ObtainTokenRequest": {"use_jwt": {"type": "boolean"}},
    "InvoicePaymentRequest": {"remove": {"type": "boolean"}},
    "InvoicePaymentReminder": {"remove": {"type": "boolean"}},
    "Subscription": {"completed_date": {"read_only": True}},
    "Card": {"created_at": {"read_only": True}, "disabled_at": {"read_only": True}},
    "CatalogObject": {"ordinal": {"type": "integer"}, "image_id": {"type": "string"}},
    "CatalogItem": {"buyer_facing_name": {"type": "string"}, "kitchen_name": {"type": "string"}},
    "CatalogItemVariation": {"kitchen_name": {"type": "string"}, "vendor_information": {"type": "array"}},
    "DeviceCheckoutOptions": {"allow_auto_card_surcharge": {"type": "boolean"}},
    "InventoryAdjustment": {
        "from_location_id": {"type": "string"},
        "to_location_id": {"type": "string"},
        "vendor_id": {"type": "string"},
        "cost_money": {"object": "Money"},
        "physical_count_id": {"type": "string"},
        "reason_id": {"type": "string"},
    },
}
"""What the SDK of 2026-09-16 or the guides have beyond the document."""
SOURCE = (
    "Square's api.json (square/connect-api-specification, release 2025-08-20, Apache-2.0): request bodies without descriptions."
)


class Shapes:
    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas
        self.objects: dict[str, dict[str, Any]] = {}
        self.enums: dict[str, list[str]] = {}

    def add(self, name: str) -> None:
        """One object and all that it refers to."""
        if name in self.objects:
            return
        schema = self._schemas[name]
        shape: dict[str, Any] = {"required": schema["required"]} if schema.get("required") else {}
        self.objects[name] = shape
        shape["fields"] = {field: self._field(value) for field, value in schema.get("properties", {}).items()}
        shape["fields"] |= NEWER.get(name, {})

    def _field(self, schema: dict[str, Any]) -> dict[str, Any]:
        shape = self._reference(schema["$ref"].rpartition("/")[2]) if "$ref" in schema else self._plain(schema)
        return {"read_only": True} if schema.get("readOnly") else shape

    def _reference(self, name: str) -> dict[str, Any]:
        schema = self._schemas[name]
        if schema.get("enum"):
            self.enums[name] = schema["enum"]
            return {"enum": name}
        if schema.get("type") != "object" and "properties" not in schema:
            return {"type": schema.get("type", "any")}
        if name in LEFT_OPEN:
            return {"type": "object"}
        self.add(name)
        return {"object": name}

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        shape: dict[str, Any] = {"type": schema.get("type", "any")}
        if "items" in schema:
            shape["items"] = self._field(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            shape["values"] = self._field(schema["additionalProperties"])
        limits = {"max_length": schema.get("maxLength"), "min_length": schema.get("minLength")}
        return shape | {name: limit for name, limit in limits.items() if limit is not None}


def lines_of(table: dict[str, Any]) -> str:
    return ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(table.items()))


def main(spec: str) -> None:
    shapes = Shapes(json.loads(Path(spec).read_text())["components"]["schemas"])
    for name in REQUESTS.split():
        shapes.add(name)
    head = f'{{\n "source": {json.dumps(SOURCE)},\n "objects": {{\n'
    text = f'{head}{lines_of(shapes.objects)}\n }},\n "enums": {{\n{lines_of(shapes.enums)}\n }}\n}}\n'
    (Path(__file__).parent / "static" / "request_shapes.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
