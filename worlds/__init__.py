"""A simulated streaming service with known ground truth: the embedded input, and the place to try a policy."""
