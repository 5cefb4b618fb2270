"""Progress prints the lines of steps as they are."""

import io

from rich.console import Console

from jobs.runtime.progress import Progress


def test_brackets_in_a_line_are_text_and_not_markup() -> None:
    printed = io.StringIO()
    progress = Progress(Console(file=printed, highlight=False, soft_wrap=True))
    progress.say("void by outages [signal_values.outage_share]")
    assert "  void by outages [signal_values.outage_share] (0.0 s)" in printed.getvalue()
    assert progress.notes == {"": ["void by outages [signal_values.outage_share]"]}
