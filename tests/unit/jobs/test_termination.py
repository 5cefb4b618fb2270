"""Ctrl-C while Spark starts ends the step as an interrupt, whatever PySpark's own handler makes of it."""

import os
import signal
import time
import weakref
from types import FrameType

import pytest
from py4j.protocol import Py4JError

from jobs.runtime.termination import Termination, preserve_interrupt_handler, raise_on_signals


def fail_in_spark(_number: int, _frame: FrameType | None) -> None:
    """What PySpark's handler does when Ctrl-C comes in the middle of a call into Spark."""
    raise Py4JError("An error occurred while calling None.org.apache.spark.sql.classic.SparkSession")


def start_spark(*, interrupted: bool) -> None:
    signal.signal(signal.SIGINT, fail_in_spark)
    if interrupted:
        os.kill(os.getpid(), signal.SIGINT)
    raise Py4JError("Java has ended")


def test_an_interrupt_that_fails_in_spark_is_an_interrupt() -> None:
    with pytest.raises(Termination) as ended, raise_on_signals(), preserve_interrupt_handler():
        start_spark(interrupted=True)
    assert (ended.value.name, ended.value.exit_code) == ("SIGINT", 130)


def test_an_error_of_spark_without_an_interrupt_stays_an_error() -> None:
    with pytest.raises(Py4JError, match="Java has ended"), raise_on_signals(), preserve_interrupt_handler():
        start_spark(interrupted=False)


def test_the_handler_of_before_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with raise_on_signals():
        during = signal.getsignal(signal.SIGINT)
        with preserve_interrupt_handler():
            signal.signal(signal.SIGINT, fail_in_spark)
        assert signal.getsignal(signal.SIGINT) is during
    assert signal.getsignal(signal.SIGINT) is before


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
