"""The Stripe twin: api and connect hosts in one, stateful, at API version 2026-10-28.endive."""
