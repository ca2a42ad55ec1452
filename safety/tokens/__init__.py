"""How programs show who they are: API tokens, and the accounts of programs."""
