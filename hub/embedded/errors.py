"""What can go wrong with embedded servers."""


class EmbeddedServerError(Exception):
    """An embedded server cannot be found, started or reached; the message says how to mend it."""
