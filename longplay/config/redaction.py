"""Hides passwords, tokens and keys in texts that are printed: settings may contain them, such as in an address."""

import re

HIDDEN = "***"
_SECRET_NAME = (
    r"(?:token|passw(?:or)?d|passphrase|secret|credentials?|signature|api[_-]?key|access[_-]?key|private[_-]?key)"
)
_IN_ADDRESS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/?#'\"]*@", re.IGNORECASE)
"""``scheme://user:password@``; a password may contain an @."""
_ASSIGNED = re.compile(
    rf"(?P<name>[\w.-]*{_SECRET_NAME}[\w-]*(?:=|['\"]\s*:\s*))(?:'[^']*'|\"[^\"]*\"|[^\s;&,'\"}}\])]+)", re.IGNORECASE
)
"""``token=...`` in an address or setting, ``'token': ...`` in a mapping."""
_AUTHORIZATION = re.compile(
    r"(?P<name>\bauthorization['\"]?\s*[=:]\s*['\"]?(?:basic|bearer)?\s*)[^\s'\",]+", re.IGNORECASE
)
_SECRET_KEY = re.compile(rf"{_SECRET_NAME}[\w-]*$|\bauthorization$", re.IGNORECASE)


def redact(text: str, key: str = "") -> str:
    """A text with ``***`` for each password, token and key that it contains.

    Args:
        text: what would be printed: an address, a setting, a message of a library.
        key: the setting whose value the text is, if it is one: values of secret settings are hidden as a whole.
    """
    if _SECRET_KEY.search(key):
        return HIDDEN
    text = _IN_ADDRESS.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _AUTHORIZATION.sub(rf"\g<name>{HIDDEN}", text)
    return _ASSIGNED.sub(rf"\g<name>{HIDDEN}", text)
