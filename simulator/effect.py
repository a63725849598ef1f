"""What the experimental arms do differently."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from trials import Trial


@dataclass(frozen=True)
class Effect:
    """The true treatment effect; the default is none at all.

    Attributes:
        mortality_ratio: risk of death in the experimental arms against control.
        recovery_ratio: speed at which lungs recover in the experimental arms against control.
        event_ratios: a preferred term or the id of a special-interest group, and its rate in the
            experimental arms against control. Ratios of a term and of its groups multiply.
        procedural: whether the experimental arms also show what their administration brings:
            instillation visits and procedures, extra gases, reactions under sealed terms.
    """

    mortality_ratio: float = 1.0
    recovery_ratio: float = 1.0
    event_ratios: Mapping[str, float] = field(default_factory=dict)
    procedural: bool = True

    def __post_init__(self) -> None:
        """Refuse ratios that no rate can have."""
        for name, ratio in (
            ("mortality_ratio", self.mortality_ratio),
            ("recovery_ratio", self.recovery_ratio),
            *self.event_ratios.items(),
        ):
            if not 0 < ratio <= 1000:
                raise ValueError(f"The ratio {name} is {ratio}; it must lie above 0, up to 1000.")

    def ratio(self, trial: Trial, preferred_term: str) -> float:
        """The rate ratio of one preferred term, with the groups it belongs to."""
        groups = [group.id for group in trial.special_interest if preferred_term in group.terms]
        product = 1.0
        for key in (preferred_term, *groups):
            product *= self.event_ratios.get(key, 1.0)
        return product
