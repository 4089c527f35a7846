"""Whole flows: the hub over HTTP against the providers' twins, through the real adapters."""
