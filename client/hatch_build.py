"""Collects the client's wheel from the repository: one package, and the shipped definitions as data inside it."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTENT = {
    "../longplay": "longplay",
    "../signals/definitions": "longplay/shipped/signals",
    "../conf/rewards": "longplay/shipped/rewards",
    "../LICENSE": "longplay/LICENSE",
}
"""Folders and files of the repository, by their place in the wheel."""


class ClientWheel(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Adds the content to a wheel. An editable install reads the repository itself and needs none of it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files for hatchling; ``version`` is the kind of build, ``standard`` or ``editable``."""
        if version != "editable":
            build_data["force_include"].update(CONTENT)
