"""Fingerprints name code by its modules: every module that they name exists."""

import pytest

from jobs.deploy import DEPLOYMENT_CODE
from jobs.runtime.fingerprint import CONTENT_CODE, hash_code

MODULES = sorted({*DEPLOYMENT_CODE, *(module for modules in CONTENT_CODE.values() for module in modules)})


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_a_fingerprint_names_has_source_code(module: str) -> None:
    assert hash_code([module]) != hash_code([])
