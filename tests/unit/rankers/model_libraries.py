"""The libraries that ranker families need: what the requirements of their models install."""

import re
from importlib.metadata import packages_distributions

from rankers.models.families import FAMILIES

_DISTRIBUTIONS = {re.split(r"[^\w.-]", line)[0] for family in FAMILIES.values() for line in family.requirements}
MODEL_LIBRARIES = {module for module, names in packages_distributions().items() if _DISTRIBUTIONS & set(names)}
"""Names by which the libraries are imported."""
