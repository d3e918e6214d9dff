"""Request bodies: read within a limit and a time, and JSON without surprises.

JSON leaves open what a repeated key means, lets programs write NaN, and does not bound depth or numbers. Here all of
that is refused, because two programs that read one purchase differently buy different things.
"""

from __future__ import annotations

import asyncio
import codecs
import json
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from gateway.http.models import field_errors
from gateway.http.problems import ProblemError, invalid

_MOST_FIELDS = 50
"""No request has ten. Each one too much costs ten times what reading it does, and 60 bytes of the answer."""

M = TypeVar("M", bound=BaseModel)


async def read_body(request: web.BaseRequest, *, limit: int, seconds: float) -> bytes:
    """The whole body.

    Args:
        limit: bytes.
        seconds: for the whole body; aiohttp itself waits for ever.

    Raises:
        ProblemError: `payload_too_large`, `request_timeout`, or `bad_request` where the body breaks off.
    """
    content = request.content
    chunks: list[bytes] = []
    size = 0
    try:
        if content.is_eof():  # it came together with the headers: no timer needed
            body = content.read_nowait()
            if len(body) > limit:
                raise _too_large(limit)
            return body
        declared = request.content_length
        if declared is not None and declared > limit:
            raise _too_large(limit)
        async with asyncio.timeout(seconds):
            while chunk := await content.readany():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise ProblemError("request_timeout", f"the body did not arrive within {seconds:g} s", close=True) from None
    except (web.RequestPayloadError, ConnectionError):
        raise ProblemError("bad_request", "the body broke off, or is not framed as it should be", close=True) from None
    return b"".join(chunks)


def _too_large(limit: int) -> ProblemError:
    return ProblemError("payload_too_large", f"the body may have {limit} bytes at most", close=True)


def check_json(request: web.BaseRequest) -> None:
    """Refuse a body that does not call itself JSON in UTF-8, unpacked.

    Raises:
        ProblemError: `unsupported_media_type`.
    """
    headers = request.headers
    content_type = headers.get("Content-Type", "")
    if content_type != "application/json":
        media, _, parameters = content_type.partition(";")
        charset = parameters.strip().lower().removeprefix("charset=").strip('"')
        if media.strip().lower() != "application/json" or charset not in {"", "utf-8"}:
            raise ProblemError("unsupported_media_type", "send the body as application/json, in UTF-8", close=True)
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProblemError("unsupported_media_type", "send the body without a Content-Encoding", close=True)


async def read_json(request: web.BaseRequest, model: type[M], *, limit: int, seconds: float) -> M:
    """The body as a `model`.

    Raises:
        ProblemError: as `read_body`, `check_json` and `parse_json` do.
    """
    check_json(request)
    return parse_json(await read_body(request, limit=limit, seconds=seconds), model)


def parse_json(body: bytes, model: type[M]) -> M:
    """A strict `model` from JSON text.

    Raises:
        ProblemError: `invalid_request`, which names the field where there is one.
    """
    try:
        value = _decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise ProblemError("invalid_request", "the body is not UTF-8") from None
    except RecursionError:
        raise ProblemError("invalid_request", "the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ProblemError("invalid_request", f"the body is not JSON: {_why(body, error)}") from None
    except ValueError:  # an integer longer than Python is willing to read
        raise ProblemError("invalid_request", "the body holds a number with too many digits") from None
    if isinstance(value, dict) and len(value) > _MOST_FIELDS:
        raise ProblemError("invalid_request", f"the body has more than {_MOST_FIELDS} fields")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = field_errors(model, error)
    first = errors[0]
    if not first["field"]:
        raise ProblemError("invalid_request", "the body must be a JSON object")
    raise ProblemError("invalid_request", f"{first['field']} {first['message']}", field=first["field"], errors=errors)


def _why(body: bytes, error: json.JSONDecodeError) -> str:
    if not body.strip():
        return "it is empty"
    if body.startswith(codecs.BOM_UTF8):
        return "it begins with a byte order mark; leave that out"
    return f"{error.msg}, line {error.lineno} column {error.colno}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise invalid(_shown(key), "is there twice")
            seen.add(key)
    return value


def _constant(name: str) -> None:
    raise ProblemError("invalid_request", f"the body holds {name}, which is not JSON")


def _shown(key: str) -> str:
    """A key of the client's own making, short and printable enough for an answer."""
    return ascii(key[:64])[1:-1]


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
