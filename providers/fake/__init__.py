"""A complete provider in memory: what tests use unless they need the wire, and the template for the next adapter."""
