"""`python -m access`: the board's keys, and the settings in force."""

import argparse
import sys
from pathlib import Path

from settings import SettingsError, described_settings
from snapshots import SealingKeyError, new_key_pair

EXIT_REFUSED = 4


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 4 refused with a sentence)."""
    parser = argparse.ArgumentParser(prog="python -m access", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    keys = commands.add_parser("keys", help="the board's key pair")
    keys.add_argument("act", choices=["new"])
    keys.add_argument("folder", type=Path, metavar="DIR")
    commands.add_parser("settings", help="each setting with its origin")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "keys":
            public, private = new_key_pair(asked.folder)
            print(f"Public key:  {public}   a load needs it (DSMB_BOARD_PUBLIC_KEY_FILE)")
            print(f"Private key: {private}   comparative views need it")
            print("Keep the private key with the board. A lost private key is a lost sealed store.")
        else:
            for name, value, origin, meaning in described_settings():
                print(f"{name:24} {value:40} {origin:12} {meaning}")
    except (SealingKeyError, SettingsError) as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
