"""Features, signal values, estimates of open ones, training sets and releases."""

from tables.contract import load

EXPOSURE_FEATURES = load("exposure_features")
ITEM_FEATURES = load("item_features")
SIGNAL_VALUES = load("signal_values")
PROGRESSIVE_PRIORS = load("progressive_priors")
PROGRESSIVE_SUMS = load("progressive_sums")
PROGRESSIVE_ESTIMATES = load("progressive_estimates")
TRAINING_SET = load("training_set")
RELEASES = load("releases")
