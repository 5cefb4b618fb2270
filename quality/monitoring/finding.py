"""A finding: a metric that is not as it was expected to be."""

from dataclasses import dataclass

from quality.monitoring.metric import Metric


@dataclass(frozen=True)
class Finding:
    """One metric of one day that a rule takes for wrong.

    Attributes:
        metric: what was measured, of which day, and the value.
        rule: name of the rule.
        low: lowest value that was expected; None: any.
        high: highest value that was expected; None: any.
    """

    metric: Metric
    rule: str
    low: float | None
    high: float | None

    def text(self) -> str:
        """The finding in one line: what, when, how much, what was expected, and by which rule."""
        one = self.metric
        of = f" of {one.subject}" if one.subject else ""
        on = f" on {one.day}" if one.day else ""
        return f"{one.table}: {one.metric}{of}{on} is {one.value:.4g}, expected {self._range()} ({self.rule})"

    def short(self) -> str:
        """The finding where its metric is named already."""
        return f"{self.metric.day}: {self.metric.value:.4g}, expected {self._range()}"

    def _range(self) -> str:
        if self.low is None:
            return f"at most {self.high:.4g}"
        return f"at least {self.low:.4g}" if self.high is None else f"{self.low:.4g} to {self.high:.4g}"
