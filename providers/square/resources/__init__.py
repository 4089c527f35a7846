"""One file per kind of record: which requests read and write it."""
