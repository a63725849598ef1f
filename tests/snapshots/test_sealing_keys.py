"""The board's key pair and what is sealed to it."""

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey, PublicKey

from snapshots import (
    SealingKeyError,
    fingerprint,
    new_data_key,
    new_key_pair,
    read_private_key,
    read_public_key,
    unwrap,
    wrap,
)


@given(payload=st.binary(max_size=200))
def test_what_is_wrapped_is_unwrapped(payload: bytes) -> None:
    private = PrivateKey.generate()
    assert unwrap(private, wrap(private.public_key, payload)) == payload


def test_the_same_payload_is_never_wrapped_alike(board_key: PrivateKey) -> None:
    payload = new_data_key()
    first, second = (wrap(board_key.public_key, payload) for _ in range(2))
    assert first != second
    assert base64.b64encode(payload).decode() not in first


def test_data_keys_are_32_bytes_and_differ() -> None:
    keys = {new_data_key() for _ in range(20)}
    assert len(keys) == 20
    assert {len(key) for key in keys} == {32}


def test_a_pair_is_two_files_that_read_back(tmp_path: Path) -> None:
    public_path, private_path = new_key_pair(tmp_path / "a" / "keys")
    assert (public_path.name, private_path.name) == ("board_public.key", "board_private.key")
    assert stat.S_IMODE(public_path.stat().st_mode) == 0o644
    assert stat.S_IMODE(private_path.stat().st_mode) == 0o600
    public, private = read_public_key(public_path), read_private_key(private_path)
    assert private.public_key == public
    assert "public" in public_path.read_text().splitlines()[0]
    assert "private" in private_path.read_text().splitlines()[0]
    assert base64.b64encode(bytes(private)).decode() not in public_path.read_text()


@pytest.mark.parametrize("kept", ["board_public.key", "board_private.key"])
def test_no_key_is_overwritten(tmp_path: Path, kept: str) -> None:
    (tmp_path / kept).write_text("precious")
    with pytest.raises(SealingKeyError, match=f"{kept} exists already"):
        new_key_pair(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [kept]
    assert (tmp_path / kept).read_text() == "precious"


def test_a_folder_that_cannot_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SealingKeyError, match="cannot be written to"):
        new_key_pair(tmp_path / "file" / "keys")


def test_a_failure_half_way_leaves_no_half_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, flushed = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal flushed
        flushed += 1
        if flushed == 2:
            raise OSError(28, "No space left on device")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SealingKeyError, match="No space left"):
        new_key_pair(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_key_is_named_by_both_fingerprints(board_key: PrivateKey) -> None:
    other = PrivateKey.generate()
    with pytest.raises(SealingKeyError) as refusal:
        unwrap(other, wrap(board_key.public_key, b"payload"))
    text = str(refusal.value)
    assert f"fingerprint {fingerprint(other.public_key)}" in text
    assert f"expected {fingerprint(board_key.public_key)}" in text


@given(position=st.integers(min_value=0, max_value=10_000), flip=st.integers(1, 255))
def test_a_changed_wrap_is_refused(position: int, flip: int) -> None:
    private = PrivateKey(bytes(range(32)))
    name, _, encoded = wrap(private.public_key, b"payload").partition(":")
    box = bytearray(base64.b64decode(encoded))
    box[position % len(box)] ^= flip
    with pytest.raises(SealingKeyError, match="changed after it was sealed") as refusal:
        unwrap(private, f"{name}:{base64.b64encode(bytes(box)).decode()}")
    assert refusal.value.__context__ is None


@pytest.mark.parametrize("text", ["", "nonsense", "abc"])
def test_what_was_never_wrapped_is_refused(board_key: PrivateKey, text: str) -> None:
    with pytest.raises(SealingKeyError, match="changed by hand"):
        unwrap(board_key, text)
    with pytest.raises(SealingKeyError, match="changed after"):
        unwrap(board_key, f"{fingerprint(board_key.public_key)}:*{text}")


def test_a_fingerprint_is_stable_and_tells_keys_apart(board_key: PrivateKey) -> None:
    # SHA-256 of 32 zero bytes begins 66687aad f862bd77 6c8fc18b 8e9f8e20.
    assert fingerprint(PublicKey(bytes(32))) == "6668-7aad-f862-bd77-6c8f-c18b-8e9f-8e20"
    assert fingerprint(board_key.public_key) != fingerprint(PrivateKey.generate().public_key)


def test_a_point_that_is_no_key_cannot_be_sealed_to() -> None:
    with pytest.raises(SealingKeyError, match="cannot be sealed to"):
        wrap(PublicKey(bytes(32)), b"payload")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_private_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    _, private_path = new_key_pair(tmp_path)
    private_path.chmod(mode)
    with pytest.raises(SealingKeyError, match=f"mode {mode:04o}.*chmod 600"):
        read_private_key(private_path)


def test_each_file_is_refused_in_place_of_the_other(tmp_path: Path) -> None:
    """Also where its mode is not a private key's, as a public key's never is."""
    public_path, private_path = new_key_pair(tmp_path)
    with pytest.raises(SealingKeyError, match=r"is the public key .* private key is needed"):
        read_private_key(public_path)
    with pytest.raises(SealingKeyError, match=r"is the private key .* public key is needed"):
        read_public_key(private_path)


def test_what_is_no_key_file_is_explained_and_not_quoted(tmp_path: Path) -> None:
    public_path, private_path = new_key_pair(tmp_path / "pair")
    secret = private_path.read_text().splitlines()[1]
    header = private_path.read_text().splitlines()[0]
    for name, content in (
        ("empty", b""),
        ("noise", os.urandom(5000)),
        ("short", f"{header}\n{secret[:-8]}\n".encode()),
        ("no base64", f"{header}\n*{secret}\n".encode()),
        ("no header", f"{secret}\n".encode()),
        ("two keys", f"{header}\n{secret}\n{secret}\n".encode()),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(SealingKeyError, match="is not a board key") as refusal:
            read_private_key(path)
        assert secret[:10] not in str(refusal.value)
        with pytest.raises(SealingKeyError):
            read_public_key(path)
    with pytest.raises(SealingKeyError, match="does not exist"):
        read_public_key(tmp_path / "missing")
    with pytest.raises(SealingKeyError, match="is not a file"):
        read_public_key(tmp_path)
    with pytest.raises(SealingKeyError, match="cannot be read"):
        read_public_key(public_path / "below")
