"""What a page of each kind of record does to our own rows."""
