"""A simulated streaming service with known truth: the embedded input, and the place to try a policy."""
