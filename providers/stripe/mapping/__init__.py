"""Stripe's JSON into our records and our drafts into Stripe's parameters: pure, one file per kind."""
