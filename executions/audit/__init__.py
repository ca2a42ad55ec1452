"""Proof that history is what was written: a hash chain for each tenant, its check, and evidence of one execution."""
