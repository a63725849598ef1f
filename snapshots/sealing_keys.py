"""The board's key pair, and sealing to its public half.

Each sealed file has a random key of its own. The load wraps that key with a libsodium sealed box
(X25519, XSalsa20-Poly1305; https://doc.libsodium.org/public-key_cryptography/sealed_boxes) to the
board's public key, so that loading needs no secret, and only a holder of the private key opens a
comparative view.
"""

import base64
import binascii
import hashlib
import os
import stat
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.utils import random as random_bytes

from snapshots.connection import KEY_BYTES
from snapshots.durable_files import sync, write_new_file
from snapshots.errors import SealingKeyError

PUBLIC_FILE = "board_public.key"
PRIVATE_FILE = "board_private.key"

_PUBLIC_HEADER = "DSMB board public key (X25519, base64): needed to load, no secret"
_PRIVATE_HEADER = "DSMB board private key (X25519, base64): opens comparative views, keep secret"
_FILE_LIMIT = 4096


def new_data_key() -> bytes:
    """Return 32 random bytes to encrypt one sealed file with."""
    return random_bytes(KEY_BYTES)


def new_key_pair(folder: Path) -> tuple[Path, Path]:
    """Make a key pair in ``folder``, which is created if need be.

    Returns:
        The paths of the public key (mode 0644) and of the private key (mode 0600).

    Raises:
        SealingKeyError: either file exists already, or the folder cannot be written.
    """
    public_path, private_path = folder / PUBLIC_FILE, folder / PRIVATE_FILE
    for path in (public_path, private_path):
        if os.path.lexists(path):
            raise SealingKeyError(
                f"{path} exists already and is not overwritten: snapshots sealed to a lost key "
                "cannot be opened again. Name another folder."
            )
    private = PrivateKey.generate()
    written: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, header, key, mode in (
            (private_path, _PRIVATE_HEADER, bytes(private), 0o600),
            (public_path, _PUBLIC_HEADER, bytes(private.public_key), 0o644),
        ):
            text = f"{header}\n{base64.b64encode(key).decode()}\n"
            write_new_file(path, text.encode(), mode)
            written.append(path)
        sync(folder)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise SealingKeyError(
            f"The keys cannot be written to {folder}: {error.strerror}. Name a folder that you "
            "may write to."
        ) from None
    return public_path, private_path


def read_public_key(path: Path) -> PublicKey:
    """Read the board's public key. Raises SealingKeyError if there is none at ``path``."""
    return PublicKey(_read_key(path, _PUBLIC_HEADER, PUBLIC_FILE))


def read_private_key(path: Path) -> PrivateKey:
    """Read the board's private key.

    Raises SealingKeyError if there is none at ``path``, or if others than its owner may read it.
    """
    return PrivateKey(_read_key(path, _PRIVATE_HEADER, PRIVATE_FILE))


def fingerprint(public: PublicKey) -> str:
    """Return the first 128 bits of the SHA-256 of a public key, as eight groups of four digits."""
    digits = hashlib.sha256(bytes(public)).hexdigest()[:32]
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def wrap(public: PublicKey, payload: bytes) -> str:
    """Seal ``payload`` so that only the holder of the matching private key can read it.

    Returns:
        The fingerprint of ``public``, a colon, and the sealed box in base64. A sealed box does not
        say whom it is for; the fingerprint lets ``unwrap`` say which key is needed.

    Raises:
        SealingKeyError: ``public`` is not a usable point of the curve.
    """
    try:
        box = SealedBox(public).encrypt(payload)
    except CryptoError:
        raise SealingKeyError(
            f"The public key with fingerprint {fingerprint(public)} cannot be sealed to: it is no "
            "key that was ever generated. Make a new pair."
        ) from None
    return f"{fingerprint(public)}:{base64.b64encode(box).decode()}"


def unwrap(private: PrivateKey, text: str) -> bytes:
    """Return the payload that ``wrap`` sealed.

    Raises:
        SealingKeyError: ``text`` is sealed to another key (both fingerprints are named), or was
            changed after it was sealed.
    """
    sealed_to, colon, encoded = text.partition(":")
    own = fingerprint(private.public_key)
    if not colon:
        raise SealingKeyError(
            "What should be a sealed key is not one: a fingerprint, a colon and base64 text were "
            "expected. The manifest was changed by hand; restore it from a copy."
        )
    if sealed_to != own:
        raise SealingKeyError(
            f"This snapshot is sealed to another key: the private key given has fingerprint {own}, "
            f"expected {sealed_to}. Use the private key of that pair, or load the extract again "
            "with this pair's public key."
        )
    try:
        return SealedBox(private).decrypt(base64.b64decode(encoded, validate=True))
    except (binascii.Error, CryptoError):
        # Nothing of the attempt is carried along: its frames hold key material.
        pass
    raise SealingKeyError(
        f"What is sealed to the key with fingerprint {own} was changed after it was sealed. "
        "Restore the manifest from a copy, or load the extract again."
    )


def _read_key(path: Path, header: str, expected_name: str) -> bytes:
    private = header == _PRIVATE_HEADER
    kind = "private" if private else "public"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            mode = os.fstat(descriptor).st_mode
            regular = stat.S_ISREG(mode)
            content = os.read(descriptor, _FILE_LIMIT) if regular else b""
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise SealingKeyError(
            f"The board's {kind} key {path} does not exist. Name the file {expected_name} of the "
            "board's key pair; `python -m access keys new DIR` makes a pair."
        ) from None
    except OSError as error:
        raise SealingKeyError(
            f"The board's {kind} key {path} cannot be read: {error.strerror}."
        ) from None
    if not regular:
        raise SealingKeyError(f"{path} is not a file. Name the file {expected_name} itself.")
    found, _, rest = content.partition(b"\n")
    other = _PUBLIC_HEADER if private else _PRIVATE_HEADER
    if found.strip() == other.encode():
        other_kind = "public" if private else "private"
        raise SealingKeyError(
            f"{path} is the {other_kind} key of a pair; the {kind} key is needed here. Name the "
            f"file {expected_name}."
        )
    try:
        key = base64.b64decode(rest.strip(), validate=True)
    except binascii.Error:
        key = b""
    if found.strip() != header.encode() or len(key) != KEY_BYTES:
        raise SealingKeyError(
            f"{path} is not a board key: expected one line '{header}' and one line with "
            f"{KEY_BYTES} bytes in base64. Name the file {expected_name} of the board's key pair."
        )
    # Last: of a file that is no private key, its mode is not what is wrong.
    if private and stat.S_IMODE(mode) & 0o077:
        raise SealingKeyError(
            f"The board's private key {path} can be read by others than its owner (mode "
            f"{stat.S_IMODE(mode):04o}, expected 0600). Run: chmod 600 {path}"
        )
    return key
