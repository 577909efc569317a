"""The engine of a claim: the heartbeat that renews it, the guard that ends what outlives it."""
