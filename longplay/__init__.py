"""Longplay's client: look signals up and read their values, without a JVM.

This package imports none of the application's own top-level packages, so it can live beside a team's own
``features`` or ``signals``.
"""

from longplay.definition import Definition
from longplay.registry import Registry, default_registry

__all__ = ["Definition", "Registry", "default_registry"]
