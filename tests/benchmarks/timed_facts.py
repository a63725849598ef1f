"""How long the facts of an extract take: printed as seconds, within one assessment of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from data_validation import assess, coverage, known
from data_validation.readers import read_extract
from trials import load_trial

# Whoever is randomized, how participation ended and until when each is observed, of both sides.
OF_FACTS = (
    (assess, "released"),
    (known, "last_contacts"),
    (known, "standing"),
    (coverage, "recorded"),
    (coverage, "facts"),
    (assess, "released_leaving"),
)


def main(extract: Path, trial: str) -> float:
    """Seconds that the functions of `OF_FACTS` take, together."""
    taken = 0.0

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal taken
            start = perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                taken += perf_counter() - start

        return run

    for module, name in OF_FACTS:
        setattr(module, name, timed(getattr(module, name)))
    assess.assess(read_extract(extract), load_trial(trial))
    return taken


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2]))
