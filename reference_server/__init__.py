"""A server whose /metrics cannot be told from a real Agent Server's, driven by a simulation."""
