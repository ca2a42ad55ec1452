"""A private PostgreSQL for running without any server."""
