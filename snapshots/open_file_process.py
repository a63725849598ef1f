"""Write each Parquet file of a folder as a table of a new database: python FILE FOLDER DATABASE.

A process of its own, see `snapshots.open_file`; it imports nothing of this program.
"""

import sys
from pathlib import Path

import duckdb


def main(given: Path, target: Path) -> None:
    """Write the tables in the order of their names."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "temp_directory": str(given / "spilled"),
        # The oldest, which is the default, takes three times as long: it tries every compression.
        "storage_compatibility_version": "latest",
    }
    with duckdb.connect(str(target), config=settings) as connection:
        for file in sorted(given.glob("*.parquet")):
            connection.read_parquet(str(file)).create(file.stem)
        connection.execute("CHECKPOINT")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except (duckdb.Error, OSError) as error:
        sys.exit(" ".join(str(error).split()))
