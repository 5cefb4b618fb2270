"""An anomaly: a daily metric outside the range that its rule expects."""

from dataclasses import dataclass

from quality.monitoring.metric import Metric


@dataclass(frozen=True)
class Anomaly:
    """One metric of one day that breaks a rule.

    Attributes:
        metric: the measured value, with its table, subject and day.
        rule: name of the broken rule.
        low: lowest expected value; None: no lower limit.
        high: highest expected value; None: no upper limit.
    """

    metric: Metric
    rule: str
    low: float | None
    high: float | None

    def text(self) -> str:
        """Describe the anomaly in one line: metric, day, value, expected range and rule."""
        metric = self.metric
        of_subject = f" of {metric.subject}" if metric.subject else ""
        on_day = f" on {metric.day}" if metric.day else ""
        name = f"{metric.table}: {metric.metric}{of_subject}{on_day}"
        return f"{name} is {metric.value:.4g}, expected {self._range()} ({self.rule})"

    def short(self) -> str:
        """Describe the anomaly without the name of its metric."""
        return f"{self.metric.day}: {self.metric.value:.4g}, expected {self._range()}"

    def _range(self) -> str:
        if self.low is None:
            return f"at most {self.high:.4g}"
        return f"at least {self.low:.4g}" if self.high is None else f"{self.low:.4g} to {self.high:.4g}"
