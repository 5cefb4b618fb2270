"""Longplay's client: look signals up and read their values, without a JVM.

This package imports none of the application's own top-level packages, so it can live beside a team's own
``features`` or ``signals``. Names are imported when they are first asked for: a command that needs no definition starts
without the typed form of one.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longplay.definition import Definition
    from longplay.registry import Registry, default_registry

__all__ = ["Definition", "Registry", "default_registry"]

_HOMES = {
    "Definition": "longplay.definition",
    "Registry": "longplay.registry",
    "default_registry": "longplay.registry",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'longplay' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
