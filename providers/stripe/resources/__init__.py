"""The calls for each kind of record."""
