"""R23: whatever a test run writes is searched for the secrets that its tests plant; see plugin.py."""
