"""A simulated system without a model of its own: what it exposes follows from its catalogue file alone."""
