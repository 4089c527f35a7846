"""Square: sellers connected by OAuth, reached with their own tokens."""
