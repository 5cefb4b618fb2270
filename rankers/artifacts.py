"""Where models that were logged by earlier versions look for ``load_saved_ranker``."""

from rankers.tracking.artifacts import load_saved_ranker

__all__ = ["load_saved_ranker"]
