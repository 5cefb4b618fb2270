"""What FastAPI's OpenAPI document lacks: HEAD, OPTIONS, the token, and media types other than its own."""

from copy import deepcopy
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from longplay.server.api_token import OPEN_PATHS
from longplay.server.errors import DOCUMENTED, MEDIA
from longplay.server.route import ALLOWED

_ALLOW = {"Allow": {"schema": {"type": "string", "const": ALLOWED["Allow"]}}}
_BEARER = {"type": "http", "scheme": "bearer", "description": "only if the server was started with a token"}


def complete_document(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every method of every path, and the token.

    Args:
        document: FastAPI's, with GET alone.
    """
    complete = deepcopy(document)
    complete["components"]["securitySchemes"] = {"token": _BEARER}
    for path, operations in complete["paths"].items():
        get = operations["get"]
        get["security"] = [] if path in OPEN_PATHS else [{"token": []}, {}]
        if path in OPEN_PATHS:
            del get["responses"]["401"]
        for status in get["responses"].keys() & {str(status) for status in DOCUMENTED}:
            get["responses"][status]["content"] = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        operations["head"] = _describe_head(get)
        operations["options"] = _describe_options(get)
    metrics = complete["paths"]["/metrics"]["get"]["responses"]["200"]
    metrics["content"] = {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}
    return complete


def _describe_head(get: dict[str, Any]) -> dict[str, Any]:
    """The operation of HEAD: as GET, without bodies."""
    answers = {status: {"description": answer["description"]} for status, answer in get["responses"].items()}
    return {**get, "operationId": f"{get['operationId']}_head", "responses": answers}


def _describe_options(get: dict[str, Any]) -> dict[str, Any]:
    """The operation of OPTIONS: the methods of the path."""
    in_path = [parameter for parameter in get.get("parameters", ()) if parameter["in"] == "path"]
    answers = {"204": {"description": "The methods of this path", "headers": _ALLOW}}
    if "401" in get["responses"]:
        answers["401"] = get["responses"]["401"]
    return {
        "summary": f"{get['summary']}: methods",
        "operationId": f"{get['operationId']}_options",
        "security": get["security"],
        "parameters": in_path,
        "responses": answers,
    }
