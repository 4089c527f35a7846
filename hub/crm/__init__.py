"""The CRM's own records and what changes them."""
