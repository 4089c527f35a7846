"""`pytest -m live tests/contract`: the conformance suite against the providers' own sandboxes, never against production."""
