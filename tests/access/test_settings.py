"""Settings: flag, then environment, then dsmb.toml, then default; what is wrong is a sentence."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from access.__main__ import main
from settings import Settings, SettingsError, described_settings, read_settings


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an environment without any setting."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.upper().startswith("DSMB_"):
            monkeypatch.delenv(name)
    return tmp_path


ORIGINS = ("flag", "environment", "dsmb.toml")


@given(given_by=st.sets(st.sampled_from(ORIGINS)))
def test_the_first_of_flag_environment_file_and_default_counts(
    given_by: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("place"))
        if "dsmb.toml" in given_by:
            Path("dsmb.toml").write_text('store = "/from/dsmb.toml"\n')
        if "environment" in given_by:
            patch.setenv("DSMB_STORE", "/from/environment")
        flag = Path("/from/flag") if "flag" in given_by else None
        first = next((origin for origin in ORIGINS if origin in given_by), None)
        expected = Path(f"/from/{first}") if first else Path(".dsmb/store")
        assert read_settings(store=flag).store == expected


def test_defaults() -> None:
    settings = read_settings()
    assert settings.store == Path(".dsmb/store")
    assert settings.board_public_key_file is None
    assert settings.board_private_key_file is None
    assert settings.records_url == "sqlite:///.dsmb/records.db"
    assert settings.audit_key_file is None
    assert settings.identity == "none"
    assert settings.extract_limit_bytes == 4 * 1024**3


def test_every_setting_can_come_from_the_environment_and_from_the_file(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "store": "/s",
        "board_public_key_file": "/public",
        "board_private_key_file": "/private",
        "identity": "demonstration",
        "roles_file": "/roles",
        "idle_minutes": 7.5,
        "records_url": "sqlite:////records.db",
        "audit_key_file": "/audit",
        "extract_limit_bytes": 5,
        "extract_encoding": "gb18030",
        "smq_file": "/smq.csv",
        "grant_minutes": 6,
    }
    assert set(values) == set(Settings.model_fields)
    lines = [
        f"{name} = {value}" if isinstance(value, int | float) else f'{name} = "{value}"'
        for name, value in values.items()
    ]
    (place / "dsmb.toml").write_text("\n".join(lines))
    from_file = read_settings()
    (place / "dsmb.toml").unlink()
    for name, value in values.items():
        monkeypatch.setenv(f"DSMB_{name.upper()}", str(value))
    assert read_settings() == from_file
    for name, value in values.items():
        assert str(getattr(from_file, name)) == str(value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        read_settings().store = Path("/elsewhere")  # type: ignore[misc]


def test_settings_do_not_print_the_address_of_the_records() -> None:
    """It can hold a password, and settings end up in messages."""
    url = "postgresql://ada:s3cret@db/r"
    assert "s3cret" not in repr(read_settings(records_url=url)) + str(
        read_settings(records_url=url)
    )


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSMB_BOARD_PRIVATE_KEY_FILE", "")
    assert read_settings().board_private_key_file is None
    origins = {name: origin for name, _, origin, _ in described_settings()}
    assert origins["board_private_key_file"] == "default"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('shop = "/s"', "shop"),
        ("grant_minutes = 0", "grant_minutes"),
        ('grant_minutes = "soon"', "grant_minutes"),
        ("extract_limit_bytes = -1", "extract_limit_bytes"),
        ('identity = "everybody"', "identity"),
        ("store = ", "dsmb.toml is not valid TOML"),
        ("[store]\npath = 1", "store"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(place: Path, content: str, named: str) -> None:
    (place / "dsmb.toml").write_text(content)
    with pytest.raises(SettingsError, match=named) as refused:
        read_settings()
    assert "dsmb.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_text_is_a_sentence(place: Path) -> None:
    (place / "dsmb.toml").write_bytes(b'store = "\xff\xfe"')
    with pytest.raises(SettingsError, match=r"dsmb\.toml is not valid TOML"):
        read_settings()


def test_a_variable_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSMB_GRANT_MINUTES", "a while")
    with pytest.raises(SettingsError, match="grant_minutes"):
        read_settings()


def test_the_command_shows_each_setting_with_its_origin(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "dsmb.toml").write_text('grant_minutes = 30\nstore = "/in/the/file"\n')
    monkeypatch.setenv("DSMB_STORE", "/in/the/environment")
    assert main(["settings"]) == 0
    shown = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(shown) == set(Settings.model_fields)
    for name, value, origin in (
        ("store", "/in/the/environment", "environment"),
        ("grant_minutes", "30", "dsmb.toml"),
        ("board_private_key_file", "unset", "default"),
        ("idle_minutes", "15.0", "default"),
        ("records_url", "sqlite:///.dsmb/records.db", "default"),
        ("audit_key_file", "unset", "default"),
    ):
        assert shown[name].split()[1:3] == [value, origin]
        assert Settings.model_fields[name].description in shown[name]  # type: ignore[operator]


def test_the_command_answers_a_bad_setting_with_a_sentence(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "dsmb.toml").write_text("colour = 1\n")
    assert main(["settings"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "colour" in captured.err
    assert "Traceback" not in captured.err


def test_new_keys_are_made_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", str(place / "keys")]) == 0
    out = capsys.readouterr().out
    private = place / "keys" / "board_private.key"
    assert str(private) in out
    assert private.read_text().splitlines()[1] not in out
    before = private.read_bytes()
    assert main(["keys", "new", str(place / "keys")]) == 4
    assert "exists already and is not overwritten" in capsys.readouterr().err
    assert private.read_bytes() == before


def test_keys_that_cannot_be_written_are_a_sentence(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "file").write_text("in the way")
    assert main(["keys", "new", str(place / "file" / "keys")]) == 4
    assert "cannot be written" in capsys.readouterr().err
