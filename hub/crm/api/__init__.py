"""HTTP: the CRM's own records."""
