"""Stateful stand-ins for the providers' HTTP APIs on this machine; shares no code with the adapters that call them."""
