"""One shop's objects and events as each Square version writes them (R25), after Square's reference and schemas."""
