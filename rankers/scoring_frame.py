"""Keeps ``score_frame`` importable for models that earlier versions logged."""

from rankers.tracking.scoring_frame import score_frame

__all__ = ["score_frame"]
