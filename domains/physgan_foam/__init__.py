"""Foams: bubbles that exchange gas through films, grow, vanish, and change neighbours."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from physgan_foam.domain import FoamDomain

__all__ = ["FoamDomain"]


def __getattr__(name: str) -> Any:
    if name == "FoamDomain":
        # not at once: the solver alone needs no network
        from physgan_foam.domain import FoamDomain

        return FoamDomain
    raise AttributeError(name)
