"""The HTTP API: a thin door that parses, calls the store and prints JSON."""
