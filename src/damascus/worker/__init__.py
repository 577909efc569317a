"""A worker process: its loop, its broker, and the doorbell that wakes it."""
