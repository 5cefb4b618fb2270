"""A signal ends the step by its own exit code, even if Python or PySpark drops its exception."""

import os
import signal
import time
import weakref

import pytest
from py4j.protocol import Py4JError

from jobs.runtime.termination import Termination, raise_on_signals


class JavaObject:
    """Stands for an object of Spark, which PySpark frees in a callback of the garbage collector."""


def work_on(number: signal.Signals, error: Exception | None = None) -> None:
    """A signal arrives in a callback in which Python drops every exception; then the work goes on, or fails."""
    java_object = JavaObject()
    callback = weakref.ref(java_object, lambda _: os.kill(os.getpid(), number))
    del java_object
    assert callback() is None
    if error is not None:
        raise error
    time.sleep(5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_callback_of_the_garbage_collector_is_not_lost(number: signal.Signals) -> None:
    with pytest.raises(Termination) as ended, raise_on_signals():
        work_on(number)
    assert ended.value.exit_code == 128 + number


def test_an_error_that_follows_a_dropped_signal_is_its_consequence() -> None:
    with pytest.raises(Termination) as ended, raise_on_signals():
        work_on(signal.SIGINT, Py4JError("An error occurred while calling o42.csv"))
    assert ended.value.exit_code == 130
    time.sleep(0.1)  # nothing is sent again
