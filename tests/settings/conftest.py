"""Kinds of supplier that exist only here, and a way to read a configuration and see its mistakes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, SecretStr, field_validator

from gateway import Asking, Attempt, Call, Outcome, Provider, ProviderSettings, Reply
from gateway.errors import ConfigurationError, Mistake
from gateway.settings.load import load
from gateway.settings.types import Settings


class AcmeSettings(ProviderSettings):
    """Settings with one field of each sort that plugins have."""

    pin: SecretStr = SecretStr("none")
    password: SecretStr | None = None
    retries: int = 1
    loud: bool = False
    codes: dict[int, str] = Field(default={})
    check: str = "param"
    colour: str = "red"
    areas: tuple[str, ...] | Literal["all", "none"] = "all"

    @field_validator("colour")
    @classmethod
    def _known(cls, value: str) -> str:
        if value == "crash":
            raise RuntimeError("the validator has a bug")
        if value not in ("red", "blue"):
            raise ValueError(f"{value} is no colour")
        return value


class Acme(Provider[AcmeSettings]):
    """A supplier that can be asked unless `check` is `none`."""

    kind = "acme"
    Settings = AcmeSettings

    def __init__(self, settings: AcmeSettings) -> None:
        super().__init__(settings)
        if settings.colour == "blue" and settings.loud:
            raise ValueError(f"blue is never loud, PIN {settings.pin.get_secret_value()}")

    def purchase(self, attempt: Attempt) -> Call:
        raise NotImplementedError

    def read_purchase(self, attempt: Attempt, reply: Reply) -> Outcome:
        raise NotImplementedError

    def asking(self) -> Asking:
        if self.settings.check == "raise":
            raise RuntimeError("no")
        if self.settings.check == "nothing":
            return None  # type: ignore[return-value]  # the mistake
        return Asking.NONE if self.settings.check == "none" else Asking.QUESTION


Load = Callable[..., Settings]
Find = Callable[..., list[Mistake]]


@pytest.fixture
def kinds() -> Mapping[str, type[Provider[Any]]]:
    return {"acme": Acme}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "gateway.yaml"


@pytest.fixture
def read(config: Path, kinds: Mapping[str, type[Provider[Any]]]) -> Load:
    """Read a configuration from its text; keyword arguments are environment variables."""

    def read(text: str, **env: str) -> Settings:
        config.write_text(textwrap.dedent(text), encoding="utf-8")
        return load(config, kinds, env)

    return read


@pytest.fixture
def find(read: Load) -> Find:
    """The mistakes in a configuration, which must have some."""

    def find(text: str, **env: str) -> list[Mistake]:
        with pytest.raises(ConfigurationError) as caught:
            read(text, **env)
        return list(caught.value.mistakes)

    return find
