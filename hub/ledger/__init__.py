"""The ledger: every balance is a sum over its entries."""
