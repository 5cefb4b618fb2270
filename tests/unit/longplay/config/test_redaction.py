"""Secrets in texts are hidden; everything else stays readable."""

import pytest

from longplay.config.redaction import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sc://spark.example.org:15002/;token=abc;user_id=ann", "sc://spark.example.org:15002/;token=***;user_id=ann"),
        ("sc://ann:pa@ss@host:15002", "sc://***@host:15002"),
        ("https://ann:pass@host/api?api_key=abc&x=1", "https://***@host/api?api_key=***&x=1"),
        ("https://host/v1?access_token=abc", "https://host/v1?access_token=***"),
        ("url: /api/v1/lineage?token=a.b-c (Caused by X)", "url: /api/v1/lineage?token=*** (Caused by X)"),
        ("{'url': 'https://h', 'api_key': 'a b'}", "{'url': 'https://h', 'api_key': ***}"),
        (
            "--set spark.master=spark://u:p@h:7077 + --set x.Secret=s",
            "--set spark.master=spark://***@h:7077 + --set x.Secret=***",
        ),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("password='two words'", "password=***"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "local[*]",
        "sc://host:15002/;use_ssl=true",
        "mail ann@example.org about https://example.org/@ann",
        "unexpected token: FROM",
        "events: 1,000 rows, version 3",
        "2 rows in key of the tombstones",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("key", "shown"), [("lineage.token", "***"), ("spark.api_key", "***"), ("spark.master", "abc")]
)
def test_the_value_of_a_secret_key_is_hidden_as_a_whole(key: str, shown: str) -> None:
    assert redact("abc", key) == shown
