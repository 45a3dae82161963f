"""What starts real servers and plays histories on them: demo, validation, fidelity, matrix and benchmarks stand on it."""
