"""Every setting of the product, read once into one frozen model.

Order of precedence: what a command line flag says, the environment (`DSMB_*`), `dsmb.toml` in the
working directory, the default.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

CONFIG_FILE = "dsmb.toml"


class SettingsError(Exception):
    """A setting that cannot be used; the text says which, where it comes from and what to do."""


class Settings(BaseSettings):
    """The settings by name; `DSMB_STORE` in the environment is `store` here and in `dsmb.toml`."""

    model_config = SettingsConfigDict(
        env_prefix="DSMB_",
        env_ignore_empty=True,
        toml_file=CONFIG_FILE,
        frozen=True,
        extra="forbid",
    )

    store: Path = Field(Path(".dsmb/store"), description="Folder of the snapshots.")
    board_public_key_file: Path | None = Field(
        None, description="The board's public key: a load seals to it."
    )
    board_private_key_file: Path | None = Field(
        None, description="The board's private key: comparative views need it."
    )
    identity: Literal["none", "demonstration", "oidc"] = Field(
        "none",
        description="How people sign in; oidc: by a provider, see the README; demonstration: by a "
        "picker, on this machine only.",
    )
    roles_file: Path | None = Field(
        None, description="Which group of the provider has which role (TOML)."
    )
    idle_minutes: float = Field(
        15, gt=0, description="A session in which nothing is done for so long is locked."
    )
    records_url: str = Field(
        "sqlite:///.dsmb/records.db",
        # It can hold a password; `described_settings` leaves that out.
        repr=False,
        description="The records database: the audit trail, and what people write.",
    )
    audit_key_file: Path | None = Field(
        None, description="The audit key: what is recorded is vouched for with it."
    )
    extract_limit_bytes: int = Field(
        4 * 1024**3, gt=0, description="Largest extract that is read, uncompressed."
    )
    extract_encoding: str | None = Field(
        None, description="Encoding of text files that are not UTF-8."
    )
    smq_file: Path | None = Field(
        None,
        description="A licensed file of standardized MedDRA queries (CSV: smq, term, category, "
        "scope), for groups of special interest that name one.",
    )
    grant_minutes: int = Field(
        480, gt=0, description="How long a right to look at a snapshot lasts."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then `dsmb.toml`."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def read_settings(**flags: Any) -> Settings:
    """The settings in force; `flags` that are None do not count.

    Raises:
        SettingsError: a value or name that cannot be used.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise SettingsError(
            f"These settings cannot be used: {problems}. They come from flags, the environment "
            f"(DSMB_…) or {CONFIG_FILE}."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{CONFIG_FILE} is not valid TOML: {error}.") from None
    except OSError as error:
        raise SettingsError(f"{CONFIG_FILE} cannot be read: {error.strerror}.") from None


def described_settings() -> list[tuple[str, str, str, str]]:
    """Name, value, origin and meaning of every setting. None is a secret: keys lie in files."""
    settings = read_settings()
    config = Path(CONFIG_FILE)
    in_file = set(tomllib.loads(config.read_text("utf-8"))) if config.is_file() else set()
    in_environment = {name.upper() for name, value in os.environ.items() if value}
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if name == "records_url":
            from access.records import shown_url

            value = shown_url(value)
        if f"DSMB_{name.upper()}" in in_environment:
            origin = "environment"
        elif name in in_file:
            origin = CONFIG_FILE
        else:
            origin = "default"
        rows.append(
            (name, "unset" if value is None else str(value), origin, field.description or "")
        )
    return rows
