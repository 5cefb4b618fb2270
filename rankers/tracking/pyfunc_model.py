"""The code that MLflow runs to load a logged ranker and to score a DataFrame with it (models from code)."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import set_model
from numpy.typing import NDArray

from rankers.tracking.artifacts import load_saved_ranker
from rankers.tracking.scoring_frame import score_frame


class RankerModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow's types are not followed
    """Scores the rows of a scoring frame (see `rankers.tracking.scoring_frame.scoring_frame`)."""

    def load_context(self, context: Any) -> None:  # noqa: ANN401  # mlflow's own class
        """Read the ranker from the logged folder."""
        self.ranker = load_saved_ranker(Path(context.artifacts["ranker"]))

    def predict(
        self,
        context: Any,  # noqa: ANN401  # mlflow's own class
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> NDArray[np.float64]:
        """[rows] scores, higher is better within a request."""
        return score_frame(self.ranker, model_input)


set_model(RankerModel())
