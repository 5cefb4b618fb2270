"""Where models that were logged by earlier versions look for ``score_frame``."""

from rankers.tracking.scoring_frame import score_frame

__all__ = ["score_frame"]
