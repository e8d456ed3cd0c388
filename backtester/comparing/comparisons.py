"""Several comparisons of the same modes, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backtester.compare import Comparison
from backtester.notebook import ShownInNotebooks

__all__ = ["Comparisons"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparisons(ShownInNotebooks, Mapping[str, Comparison]):
    """Comparisons by name, in the order asked for.

    Parameters
    ----------
    comparisons : mapping of str to Comparison
        In the same modes.
    """

    comparisons: Mapping[str, Comparison]

    def __getitem__(self, name: str) -> Comparison:
        return self.comparisons[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.comparisons)

    def __len__(self) -> int:
        return len(self.comparisons)

    @property
    def modes(self) -> tuple[str, ...]:
        """Modes in the order asked for."""
        return next(iter(self.comparisons.values())).modes
