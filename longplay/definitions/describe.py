"""Describes definitions as plain data, for listings, the HTTP API and the reference pages."""

import json
from typing import Any

from longplay.config.duration import format_duration
from longplay.definitions.reward import Reward, format_part
from longplay.definitions.signal import Definition


def describe_definition(definition: Definition | Reward) -> dict[str, Any]:
    """Describe a signal, or a reward with its parts, as plain data."""
    return _describe_signal(definition) if isinstance(definition, Definition) else _describe_reward(definition)


def _describe_signal(definition: Definition) -> dict[str, Any]:
    return {
        "signal": definition.ref,
        "title": definition.title,
        "description": definition.description.strip(),
        "hash": definition.hash,
        "anchor": definition.anchor,
        "keys": definition.keys,
        "window": definition.window.text(),
        "matures": f"when the watermark reaches the window's end + {format_duration(definition.lateness)}",
        "measure": json.dumps(definition.measure.model_dump(mode="json")),
        "credit": json.dumps(definition.credit.model_dump(mode="json")) if definition.credit else "every anchor",
        "direction": definition.direction,
        "unit": definition.unit,
        "void": json.dumps(definition.void.model_dump(mode="json", exclude_none=True)),
        "guardrails": ", ".join(definition.guardrails) or "none",
        "owner": definition.owner,
        "status": definition.status,
        "source": definition.source or "none",
    }


def _describe_reward(reward: Reward) -> dict[str, Any]:
    low, high = reward.bounds
    return {
        "signal": reward.ref,
        "kind": reward.kind,
        "title": reward.title,
        "description": reward.description.strip(),
        "hash": reward.hash,
        "anchor": reward.anchor,
        "parts": " + ".join(map(format_part, reward.parts)),
        "bounds": f"[{low:g}, {high:g}]",
        "matures": "when all of its signals are mature; void once one of them is",
        "direction": reward.direction,
        "unit": reward.unit,
        "guardrails": ", ".join(reward.guardrails) or "none",
        "owner": reward.owner,
        "status": reward.status,
        "source": reward.source or "none",
    }
