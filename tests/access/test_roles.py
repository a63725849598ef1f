"""The role file: which group has which role, and that a change counts at once."""

import os
from pathlib import Path
from typing import Any

import pytest

from access import Role
from access.roles import RolesError, read_roles

TEXT = """
claim = "groups"

[[role]]
group = "dsmb"
role = "board"
trials = ["nct05689008"]

[[role]]
group = "dsmb-all"
role = "board"

[[role]]
group = "sponsors"
role = "sponsor"
"""


@pytest.fixture
def role_file(tmp_path: Path) -> Path:
    path = tmp_path / "roles.toml"
    path.write_text(TEXT, "utf-8")
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"groups": ["dsmb"]}, (Role.BOARD, frozenset({"nct05689008"}))),
        ({"groups": "dsmb"}, (Role.BOARD, frozenset({"nct05689008"}))),
        ({"groups": ["other", "dsmb", "dsmb-all"]}, (Role.BOARD, None)),
        ({"groups": ["sponsors"]}, (Role.SPONSOR, None)),
        ({"groups": ["dsmb", "sponsors"]}, None),
        ({"groups": ["DSMB"]}, None),
        ({"groups": []}, None),
        ({"groups": None}, None),
        ({"groups": {"dsmb": True}}, None),
        ({"groups": [["dsmb"], 7]}, None),
        ({"roles": ["dsmb"]}, None),
        ({}, None),
    ],
)
def test_groups_give_a_role_or_none(role_file: Path, claims: dict[str, Any], expected: Any) -> None:
    assert read_roles(role_file).of(claims) == expected


def test_the_claim_can_have_another_name(role_file: Path) -> None:
    role_file.write_text(TEXT.replace('"groups"', '"roles"'), "utf-8")
    assert read_roles(role_file).of({"roles": ["dsmb-all"]}) == (Role.BOARD, None)


def test_a_change_counts_at_the_next_reading(role_file: Path) -> None:
    claims = {"groups": ["sponsors"]}
    assert read_roles(role_file).of(claims) is not None
    before = role_file.stat()
    # In its place, as long as before and as old.
    role_file.write_text(TEXT.replace("sponsors", "investor"), "utf-8")
    os.utime(role_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_roles(role_file).of(claims) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "role: Field required"),
        ("role = []", "role"),
        ("[[role]]\ngroup = 'a'\nrole = 'king'", r"role\.0\.role"),
        ("[[role]]\ngroup = ''\nrole = 'board'", r"role\.0\.group"),
        ("[[role]]\ngroup = 'a'\nrole = 'board'\nadmin = true", r"role\.0\.admin"),
        ("[[role]", "not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_used_gives_nobody_a_role(
    role_file: Path, text: str, said: str
) -> None:
    role_file.write_text(text, "utf-8")
    with pytest.raises(RolesError, match=said):
        read_roles(role_file)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_gives_nobody_a_role(role_file: Path, mode: int) -> None:
    role_file.chmod(mode)
    with pytest.raises(RolesError, match="written by others"):
        read_roles(role_file)


def test_the_file_is_of_the_dashboards_user_or_of_root(
    role_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = role_file.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    if owner == 0:
        assert read_roles(role_file)
        real = os.fstat

        def of_somebody_else(descriptor: int) -> os.stat_result:
            values = list(real(descriptor))
            values[4] = 4711
            return os.stat_result(values)

        monkeypatch.setattr("os.fstat", of_somebody_else)
    with pytest.raises(RolesError, match="belongs to user"):
        read_roles(role_file)


def test_without_a_file_nobody_has_a_role(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match="DSMB_ROLES_FILE"):
        read_roles(None)
    with pytest.raises(RolesError, match="cannot be read"):
        read_roles(tmp_path / "none.toml")
    with pytest.raises(RolesError, match="is not a file"):
        read_roles(tmp_path)
