"""GoCardless: bank debits on mandates, and instant bank payments by link. Experimental."""
