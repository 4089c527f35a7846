"""Stripe: how we get in (provider), what we ask (account, resources), what words mean (mapping), what went wrong (errors)."""
