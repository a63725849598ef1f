"""What tests of several modules of this room share."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest

import data_validation.assess
import data_validation.load
from data_validation.assess import Assessment, assess
from data_validation.crossing import Earlier
from data_validation.findings import find
from data_validation.readers import Extract
from trials import Trial

Progress = Callable[[str], None]


@pytest.fixture(scope="module")
def assessed_once() -> Iterator[None]:
    """An extract is assessed once, however often it is checked or loaded.

    For tests of what is done with an assessment; that the same extract gives the same one is a test
    where assessing is tested.
    """
    kept: dict[str, list[tuple[Trial, Assessment, list[str]]]] = {}

    def remembered(
        extract: Extract,
        trial: Trial,
        cutoff: date | None = None,
        *,
        identity_key: bytes | None = None,
        earlier: Earlier | None = None,
        progress: Progress = lambda _text: None,
    ) -> Assessment:
        if earlier is not None:
            return assess(
                extract,
                trial,
                cutoff,
                identity_key=identity_key,
                earlier=earlier,
                progress=progress,
            )
        frames = {
            name: (dataset.frame.columns, dataset.frame.rows())
            for name, dataset in extract.datasets.items()
        }
        is_checked = vars(data_validation.assess)["find"] is find
        about = frames, extract.notes, extract.ignored, cutoff, is_checked
        of_it = kept.setdefault(repr(about), [])
        for known, assessment, told in of_it:
            if known == trial:
                for text in told:
                    progress(text)
                return assessment
        said: list[str] = []

        def saying(text: str) -> None:
            said.append(text)
            progress(text)

        of_it.append(
            (
                trial,
                assess(extract, trial, cutoff, identity_key=identity_key, progress=saying),
                said,
            )
        )
        return of_it[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        for room in (data_validation.assess, data_validation.load):
            patch.setattr(room, "assess", remembered)
        yield
