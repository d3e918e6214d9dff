"""`/openapi.json`: OpenAPI 3.1, made from the route table and the types of bodies and answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.http import views
from gateway.http.operation import OPERATIONS, Operation
from gateway.http.problems import CONTENT_TYPE, PROBLEMS
from gateway.http.routes import Route, Who

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_ALWAYS = ("bad_request", "internal_error")
_WITH_BODY = ("invalid_request", "request_timeout", "payload_too_large", "unsupported_media_type")
_BY_WHO: dict[Who, tuple[str, ...]] = {
    Who.CLIENT: ("unauthorized", "address_not_allowed", "rate_limited"),
    Who.SUPPLIER: ("report_refused", "request_timeout", "payload_too_large"),
}
_TAGS = {
    Who.CLIENT: "clients",
    Who.SUPPLIER: "suppliers",
    Who.OPERATOR: "operators",
    Who.ANYONE: "description",
}
_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "id": {"type": "string", "pattern": "^[0-9]{18}$"},
    "file": {"type": "string", "enum": ["docs.css", "docs.js"]},
}
_REQUEST_ID = "the request's own, where it brought one that can be kept, or a new one: it stands in the log"
_OF_PROBLEMS = {
    401: {"WWW-Authenticate": "RFC 6750: Bearer, and what is wrong with the key"},
    429: {"Retry-After": "seconds after which it may be tried again; until midnight where the day's limit is reached"},
    503: {"Retry-After": "seconds after which it may be tried again"},
}
_OF_THE_RATE = {
    "RateLimit-Policy": "what the client may do; draft-ietf-httpapi-ratelimit-headers-10",
    "RateLimit": "what is left of it; where the client has a rate, and in each 429",
}
_BEFORE_THE_RATE = frozenset({401, 403})
"""Who is not let in has no rate."""


def describe(routes: Iterable[Route], title: str) -> bytes:
    """The description of `routes` as JSON.

    Raises:
        LookupError: `OPERATIONS` knows nothing of a route.
    """
    routes = tuple(routes)
    schemas, definitions = _schemas([operation_of(route) for route in routes])
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, operation_of(route), schemas)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version("pulsa-gateway"),
            "description": "Money is whole rupiah. Times are RFC 3339 with their offset. Errors are RFC 9457 problems; "
            "programs decide on their `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in sorted({_TAGS[route.who] for route in routes})],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "an API key"}},
        },
    }
    return orjson.dumps(document)


def operation_of(route: Route) -> Operation:
    """What is known about a route. Raises `LookupError`."""
    known = OPERATIONS.get((route.method, route.path))
    if known is None:
        raise LookupError(f"gateway/http/operation.py does not describe {route.method} {route.path}")
    return known


Schemas = Callable[[type[BaseModel], JsonSchemaMode], dict[str, Any]]


def _schemas(operations: Iterable[Operation]) -> tuple[Schemas, dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(views.Problem, "serialization"): None}
    for operation in operations:
        if operation.body is not None:
            wanted[operation.body, "validation"] = None
        for answer in operation.answers.values():
            if not isinstance(answer, str):
                wanted.update({(model, "serialization"): None for model in _models(answer)})
        if "text/event-stream" in operation.answers.values():
            wanted[views.StreamedEvent, "serialization"] = None
    references, schema = models_json_schema(list(wanted), ref_template="#/components/schemas/{model}")
    return lambda model, mode: dict(references[model, mode]), schema["$defs"]


def _models(answer: type[BaseModel] | tuple[type[BaseModel], ...]) -> tuple[type[BaseModel], ...]:
    return answer if isinstance(answer, tuple) else (answer,)


def _operation(route: Route, known: Operation, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": known.summary,
        "tags": [_TAGS[route.who]],
        "parameters": _parameters(route, known),
        "responses": _responses(route, known, schemas),
    }
    if route.who is Who.CLIENT:
        operation["security"] = [{"key": []}]
    if known.body is not None:
        body = {"application/json": {"schema": schemas(known.body, "validation")}}
        operation["requestBody"] = {"required": known.body_needed, "content": body}
    return operation


def _name(route: Route) -> str:
    words = [word for word in re.split(r"\W+", route.path) if word]
    return "_".join([route.method.lower(), *words])


def _parameters(route: Route, known: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PATH_PARAMETERS.get(name, {"type": "string", "minLength": 1}),
        }
        for name in _PLACEHOLDER.findall(route.path)
    ]
    for place, parameters in (("query", known.query), ("header", known.headers)):
        for name, schema in parameters.items():
            parameter = {"name": name, "in": place, "schema": {k: v for k, v in schema.items() if k != "description"}}
            if "description" in schema:
                parameter["description"] = schema["description"]
            found.append(parameter)
    return found


def _responses(route: Route, known: Operation, schemas: Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in known.answers.items():
        responses[str(status)] = {"description": _meaning(status), "content": _content(answer, schemas)}
    codes = [*known.problems, *_ALWAYS, *_BY_WHO.get(route.who, ())]
    if known.body is not None:
        codes += _WITH_BODY
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(PROBLEMS[code][0], []).append(code)
    for status, names in sorted(by_status.items()):
        told = "; ".join(f"`{code}`: {PROBLEMS[code][1]}" for code in names)
        held = responses.setdefault(str(status), {"description": told, "content": {}})
        held["content"][CONTENT_TYPE] = {"schema": schemas(views.Problem, "serialization")}
    for status, response in responses.items():
        response["headers"] = _headers(route, known, status)
    return responses


def _headers(route: Route, known: Operation, status: str) -> dict[str, Any]:
    number = int(status) if status.isdigit() else 0
    told = {"X-Request-ID": _REQUEST_ID, **_OF_PROBLEMS.get(number, {}), **known.told.get(number, {})}
    if route.who is Who.CLIENT and number not in _BEFORE_THE_RATE:
        told |= _OF_THE_RATE
    return {name: {"schema": {"type": "string"}, "description": text} for name, text in told.items()}


def _meaning(status: int | str) -> str:
    return {200: "As it is now", 201: "Stored", 503: "Not now", "2XX": "What this supplier takes for a receipt"}[status]


def _content(answer: type[BaseModel] | tuple[type[BaseModel], ...] | str, schemas: Schemas) -> dict[str, Any]:
    if answer == "text/event-stream":
        # OpenAPI 3.1 has no words for a stream; the schema is that of each event's data.
        return {answer: {"schema": {"type": "string"}, "x-event-data": schemas(views.StreamedEvent, "serialization")}}
    if isinstance(answer, str):
        schema = {"type": "object"} if answer == "application/json" else {"type": "string"}
        return {media: {"schema": schema} for media in answer.split(", ")}
    found = [schemas(model, "serialization") for model in _models(answer)]
    return {"application/json": {"schema": found[0] if len(found) == 1 else {"anyOf": found}}}
