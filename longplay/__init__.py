"""Longplay's client: look signals up and read their values, without a JVM.

This package imports none of the application's own top-level packages, so it can live beside a team's own
``features`` or ``signals``. Names are loaded when they are first used: ``import longplay`` itself reads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longplay.client import Client
    from longplay.definitions.signal import Definition
    from longplay.registry.registry import Registry, default_registry

__all__ = ["Client", "Definition", "Registry", "default_registry"]

_HOMES = {
    "Client": "longplay.client",
    "Definition": "longplay.definitions.signal",
    "Registry": "longplay.registry.registry",
    "default_registry": "longplay.registry.registry",
}


def __getattr__(name: str) -> object:
    """Load a name of ``__all__`` from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'longplay' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
