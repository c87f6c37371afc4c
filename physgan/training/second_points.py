"""Optimisers that correct a step by another gradient than the present one.

They damp the rotation of a game around its equilibrium, where plain gradient steps circle it.
What they remember is optimiser state, so a resumed run is bitwise the unbroken one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW


class OptimisticAdam(AdamW):
    """w <- w + 2 u_t - u_{t-1}, u_t being AdamW's update (Daskalakis et al., 1711.00141, alg. 1).

    The update before stands in for a look ahead; it costs no second gradient.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step; ``closure`` is not used."""
        moved = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        before = [p.clone() for p in moved]
        super().step()
        for parameter, old in zip(moved, before, strict=True):
            update, state = parameter - old, self.state[parameter]
            if "update_before" in state:
                parameter += update - state["update_before"]
            state["update_before"] = update


class ExtraAdam(AdamW):
    """Extragradient: a step to look ahead, then from where it began with the gradient found there.

    The two take turns over calls and each has its own batch (Gidel et al., 1802.10551, algorithms
    2 and 4), so half of all steps are progress. Both move Adam's moments.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """The look ahead, or the step back and onward; ``closure`` is not used."""
        anchors: list[tuple[Tensor, Tensor]] = []
        for group in self.param_groups:
            ahead = group.get("ahead", False)
            for parameter in group["params"]:
                state = self.state.get(parameter, {})
                if ahead and "anchor" in state:
                    parameter.copy_(state.pop("anchor"))
                elif not ahead and parameter.grad is not None:
                    anchors.append((parameter, parameter.clone()))
            group["ahead"] = not ahead
        super().step()
        # Adam makes its state in its own step, so the anchor joins it afterwards.
        for parameter, anchor in anchors:
            self.state[parameter]["anchor"] = anchor
