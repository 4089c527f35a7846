"""`payhub demo`: the whole hub on one machine, shown and checked step by step."""
