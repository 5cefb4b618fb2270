"""Keeps ``load_saved_ranker`` importable for models that earlier versions logged."""

from rankers.tracking.artifacts import load_saved_ranker

__all__ = ["load_saved_ranker"]
