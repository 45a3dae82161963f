"""A simulated Agent Server: its API, its runs and its metrics follow from one discrete-event simulation."""
