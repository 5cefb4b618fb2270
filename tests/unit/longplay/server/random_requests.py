"""Random requests over every route, half of them with values at their extremes."""

import base64
import json
import random
from collections.abc import Iterator, Sequence
from urllib.parse import quote

EXTREMES = [
    "",
    "%00",
    "a%00b",
    "%ED%A0%80",  # half of a surrogate pair
    "%FF%FE",
    "%",
    "%F0%9F%8E%B5",
    "%0D%0AX-Injected:%201",
    "NaN",
    "Infinity",
    "-1",
    "0",
    "1e400",
    str(2**63),
    "-" + "9" * 5_000,
    "0x10",
    "null",
    "[]",
    "..%2F..%2Fetc%2Fpasswd",
    "x" * 10_000,
    "0001-01-01",
    "9999-12-31",
    "0000-00-00",
    "10000-01-01",
    "2026-02-30",
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59.999999-14:00",
    "9999-12-31T23:59:59.999999Z",
    "2026-05-01T00:00:00+02:00",
]
ROUTES = {
    "/v1/health": (),
    "/v1/ready": (),
    "/v1/openapi.json": (),
    "/metrics": (),
    "/v1/releases": ("limit", "offset"),
    "/v1/signals": ("q", "status", "anchor", "owner", "limit", "offset"),
    "/v1/rewards": ("q", "status", "anchor", "owner", "limit", "offset"),
    "/v1/signals/{name}": (),
    "/v1/rewards/{name}": (),
    "/v1/signals/{name}/value": ("anchor_id", "user_id", "item_id", "t0", "known_at", "release"),
    "/v1/signals/{name}/values": (
        *("user_id", "item_id", "anchor_id", "from", "to", "state"),
        *("known_at", "release", "limit", "after"),
    ),
}
DRAWN = [
    *ROUTES,
    *(route for route, parameters in ROUTES.items() if parameters or "{" in route),
    *list(ROUTES)[-2:] * 4,
]
"""Routes that take much are drawn often."""
METHODS = ["GET"] * 12 + ["HEAD", "HEAD", "OPTIONS", "POST", "DELETE", "BREW"]


class RequestGenerator:
    """Draws requests.

    Args:
        seed: of the draws.
        names: real names of signals and rewards.
        values: real values by parameter.
        cursors: real cursors.
    """

    def __init__(
        self, seed: int, names: Sequence[str], values: dict[str, Sequence[str]], cursors: Sequence[str]
    ) -> None:
        self.rng, self.names, self.values, self.cursors = random.Random(seed), names, values, cursors

    def draw(self, count: int) -> Iterator[tuple[str, str]]:
        """Methods and percent-encoded targets."""
        for _ in range(count):
            yield self.rng.choice(METHODS), self._draw_target()

    def _draw_target(self) -> str:
        template = self.rng.choice(DRAWN)
        name = quote(self.rng.choice(self.names)) if self.rng.random() < 0.8 else self.rng.choice(EXTREMES)
        path = template.replace("{name}", name) + self.rng.choice([""] * 30 + ["/", "/x", "%2F"])
        names = [name for name in ROUTES[template] if self.rng.random() < 0.3]
        if self.rng.random() < 0.05:
            names += self.rng.choice([names[:1], ["limt"], ["%00"], ["x" * 9_000]])
        query = "&".join(f"{name}={self._draw_value(name)}" for name in names)
        return f"{path}?{query}" if query else path

    def _draw_value(self, name: str) -> str:
        if self.rng.random() < 0.3:
            return self.rng.choice(EXTREMES)
        if name == "after":
            return self.rng.choice([self.rng.choice(self.cursors), self._draw_cursor()])
        return quote(self.rng.choice(self.values.get(name, ["a"])), safe="")

    def _draw_cursor(self) -> str:
        """A cursor that was cut, changed, or made of other parts than a cursor has."""
        text = self.rng.choice(self.cursors)
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        extreme = self.rng.choice([None, [], {}, "x", "", 0, -1, 2**63, 10**30, 1e308, -(2**62), True, "\ud800", "\0"])
        parts[self.rng.randrange(5)] = extreme
        texts = [
            text[: self.rng.randrange(len(text))],
            _encode(json.dumps(parts)),
            _encode("[" * 5_000 + "]" * 5_000),
            _encode('{"a":' * 3_000),
            _encode("[NaN, Infinity, 1e999]"),
        ]
        return self.rng.choice(texts)


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
