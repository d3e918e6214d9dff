"""`${NAME}` and `file:PATH` in the strings of the configuration file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
MAX_SECRET_BYTES = 65_536


class SubstitutionError(ValueError):
    """What a string asks for is not there. The message names the variable or file, never its content."""


def substitute(text: str, env: Mapping[str, str]) -> str | None:
    """`text` with everything put in that it asks for, or `None` where it asks for nothing.

    `${NAME}` is an environment variable, anywhere in the string; `$${` stands for `${` itself. A string that begins
    with `file:` is the content of that file, less one line end. What was put in is not searched again.

    Raises:
        SubstitutionError: something is missing, empty or unreadable.
    """
    is_file = text.startswith("file:")
    if not is_file and "${" not in text:
        return None
    missing: list[str] = []
    filled = _VARIABLE.sub(lambda match: _variable(match, env, missing), text)
    if missing:
        names = list(dict.fromkeys(missing))
        told = f"variable {names[0]} is" if len(names) == 1 else f"variables {' and '.join(names)} are"
        raise SubstitutionError(f"the environment {told} not set")
    if is_file:
        return _secret(filled.removeprefix("file:"), shown=text.removeprefix("file:"))
    if not filled:
        raise SubstitutionError("the environment variable is empty")
    return filled


def _variable(match: re.Match[str], env: Mapping[str, str], missing: list[str]) -> str:
    if match[0] == "$${":
        return "${"
    name = match[1]
    if name is None or not _NAME.fullmatch(name):
        raise SubstitutionError("${…} must hold the name of an environment variable; write $${ for ${ itself")
    if name not in env:
        missing.append(name)
        return ""
    return env[name]


def _secret(path: str, shown: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a path"
        raise SubstitutionError(f"the file {shown} cannot be read: {why}") from None
    if len(content) > MAX_SECRET_BYTES:
        raise SubstitutionError(f"the file {shown} is larger than {MAX_SECRET_BYTES} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise SubstitutionError(f"the file {shown} is not UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    if not text:
        raise SubstitutionError(f"the file {shown} is empty")
    return text
