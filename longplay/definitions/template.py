"""Renders the file that ``longplay signals new`` writes: a valid template with comments, or a copy of a definition."""

import re
from collections.abc import Mapping

import yaml

from longplay.errors import ConfigError

TEMPLATE = """\
# A signal: what followed a recommendation, a discovery or an active day. Every key: docs/how-to/signals.md.
# Check it:   longplay signals plan {file}
# Share it:   longplay signals apply {file}
name: {name}
version: 1
title: {title}
# What the number means, in full sentences, for readers who have not seen the code.
description: >
  1 if the exposure was clicked within 24 hours and the listener consumed the same item again on any of the
  7 days after.
# The team responsible for it. A name belongs to the owner of its first version.
owner: {owner}
# A draft may change and is not computed. Once 'published', its meaning is fixed: changes need a new version.
status: draft
direction: higher_is_better   # or lower_is_better
unit: 0 or 1
anchor: exposure              # exposure, discovery, active_day or session
keys: user_item               # whose events count: the user's (user), or the user's with the item (user_item)
# calendar: whole UTC days after the anchor's day, inclusive. For durations: {{kind: elapsed, from: 0 s, to: 1 h}}
window: {{kind: calendar, from: 1, to: 7}}
lateness: 1 d                 # how long after the window facts may still arrive
measure: {{kind: any, of: consumption}}
# Only for exposures: count the outcome if the exposure was clicked within this time. Omit to count every anchor.
credit: {{rule: clicked, within: 24 h}}
void: {{outage: true, settles: early}}
guardrails: [regret]          # signals that must not get worse
"""


def copy_definition(text: str, changes: Mapping[str, str | int], where: str) -> str:
    """Copy the YAML of a definition with some top-level keys changed. Everything else stays, including comments.

    Raises:
        ConfigError: when a key is not on a line of its own.
    """
    from longplay.config.strict_model import validate_model
    from longplay.definitions.signal import Definition

    for key, value in changes.items():
        text, replacements = re.subn(rf"^{key}:.*$", f"{key}: {value}", text, count=1, flags=re.MULTILINE)
        if not replacements:
            fix = "copy it by hand, or write each key on its own line first"
            raise ConfigError(f"'{where}' cannot be copied: it has no line '{key}: ...'.", fix=fix)
    validate_model(Definition, yaml.safe_load(text), f"the copy of {where}")
    return text


def render_template(name: str, owner: str, file: str) -> str:
    """Render the text of a new definition."""
    return TEMPLATE.format(name=name, owner=owner, file=file, title=name.replace("_", " ").capitalize())
