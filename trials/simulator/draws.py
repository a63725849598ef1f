"""Random numbers addressed by topic, so that one decision never shifts another.

Each topic has a child of the seed to itself, and is drawn as a matrix with one row per participant.
Rows are filled in order, so more participants append rows and leave the earlier ones as they were;
a changed effect or a later cut-off reads the same numbers.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Days = npt.NDArray[np.int64]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Draws:
    """The random numbers of one simulation."""

    seed: int

    def stream(self, topic: str, *key: int) -> np.random.Generator:
        """The generator of one topic, and of one member of it where `key` is given."""
        spawn_key = (zlib.crc32(topic.encode("utf-8")), *key)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=spawn_key))

    def uniform(self, topic: str, rows: int, columns: int) -> Floats:
        """A (rows, columns) matrix, uniform on [0, 1)."""
        return self.stream(topic).random((rows, columns))

    def normal(self, topic: str, rows: int, columns: int) -> Floats:
        """A (rows, columns) matrix, standard normal."""
        return self.stream(topic).standard_normal((rows, columns))


def choose(uniform: Floats, weights: Sequence[float]) -> Integers:
    """Indexes drawn with probabilities proportional to `weights`, one per uniform number."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    found = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.asarray(found, dtype=np.int64)
