"""Who is calling: people, API keys, sessions, sign-in links, OpenID Connect and connect sessions."""
