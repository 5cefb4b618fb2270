"""The Markdown pages of the repository, and what tests read from them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def list_pages() -> list[Path]:
    """Every Markdown file that git tracks or would add."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in sorted(names) if (ROOT / name).is_file()]


def read_code_blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages, in their order."""
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    return [body for _, language, body in blocks if language in languages]


def strip_code(text: str) -> str:
    """The text without fenced blocks and inline code."""
    return re.sub(r"`[^`]*`", "", FENCE.sub("", text))
