"""The embedded mode: a private PostgreSQL from a wheel."""
