"""Random numbers addressed by topic and person, so that one decision never shifts another.

What is decided for each person is computed from the seed, the topic, the person's place in the
order of consent and a column: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), counted instead of
advanced. A block of persons therefore reads the numbers that it has in the whole trial; more
participants, a changed effect or a later cut-off leave the others as they were. What is decided for
the trial as a whole comes from a generator for each topic.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Days = npt.NDArray[np.int64]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

Words = npt.NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIXERS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


@dataclass(frozen=True)
class Draws:
    """The random numbers of one simulation.

    Attributes:
        persons: the places in the order of consent of the persons drawn for, one per row of what
            `uniform` and `normal` give; None for the first ones.
    """

    seed: int
    persons: Integers | None = None

    def stream(self, topic: str, *key: int) -> np.random.Generator:
        """The generator of one topic of the whole trial, and of one member of it by `key`."""
        return np.random.default_rng(self._seeds(topic, *key))

    def uniform(self, topic: str, rows: int, columns: int) -> Floats:
        """A (rows, columns) matrix, uniform on (0, 1)."""
        persons = np.arange(rows) if self.persons is None else self.persons
        column = np.arange(1, columns + 1, dtype=np.uint64)
        cell: Words = persons.astype(np.uint64)[:, None] * np.uint64(columns) + column
        words = split_mix(self.words(topic), cell)
        return np.asarray(((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)

    def normal(self, topic: str, rows: int, columns: int) -> Floats:
        """A (rows, columns) matrix, standard normal."""
        return np.asarray(ndtri(self.uniform(topic, rows, columns)), dtype=np.float64)

    def words(self, topic: str) -> Words:
        """Where the SplitMix64 generator of a topic begins; one word."""
        return self._seeds(topic).generate_state(1, np.uint64).astype(np.uint64)

    def _seeds(self, topic: str, *key: int) -> np.random.SeedSequence:
        spawn_key = (zlib.crc32(topic.encode("utf-8")), *key)
        return np.random.SeedSequence(self.seed, spawn_key=spawn_key)


def split_mix(start: Words, number: Words) -> Words:
    """The `number`-th words, from 1, of the SplitMix64 generators that begin at `start`."""
    mixed: Words = start + number * _STEP
    for shift, factor in _MIXERS:
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def choose(uniform: Floats, weights: Sequence[float]) -> Integers:
    """Indexes drawn with probabilities proportional to `weights`, one per uniform number."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    index = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.asarray(index, dtype=np.int64)
