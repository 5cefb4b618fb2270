"""Rendering shared by all pages: templates, styles and scripts, and the folder that the pages are written to."""

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from longplay.errors import ConfigError
from longplay.site import formatting

_FILTERS = ("count", "share", "number", "moment", "day")


def create_environment() -> Environment:
    """Templates that escape every value, refuse missing ones, and have the filters of :mod:`formatting`."""
    environment = Environment(
        loader=PackageLoader("longplay.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({name: getattr(formatting, name) for name in _FILTERS})
    return environment


def read_template(name: str) -> str:
    """The text of a template file, unrendered."""
    return resources.files("longplay.site").joinpath("templates", name).read_text(encoding="utf-8")


def hash_inline(text: str) -> str:
    """The hash by which a page's content policy allows an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def check_output_folder(out: Path, marker: str) -> None:
    """Check that pages may be written to a folder: it is new, empty, or holds pages with this marker.

    Raises:
        ConfigError: when it holds anything else.
    """
    index = out / "index.html"
    is_used = out.exists() and (not out.is_dir() or any(out.iterdir()))
    if is_used and not (index.is_file() and marker in index.read_text(encoding="utf-8", errors="replace")):
        raise ConfigError("This folder holds other files.", where=str(out), fix="name a new folder with --out")


def write_files(out: Path, subfolder: str, texts: Mapping[str, str]) -> None:
    """Write pages, and remove pages of the subfolder that are no longer made.

    Args:
        out: where to.
        subfolder: its folder of pages beside the index.
        texts: the text of each page by its path in ``out``.
    """
    (out / subfolder).mkdir(parents=True, exist_ok=True)
    for outdated in set((out / subfolder).glob("*.html")) - {out / name for name in texts}:
        outdated.unlink()
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
