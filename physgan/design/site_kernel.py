"""A Gaussian process over sequences whose kernel is a product over sites."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physgan.design.space import Tokens, Values

JITTER = 1e-4


class SiteKernelProcess:
    """Regression with ``k(x, x') = v prod_s (1 - lambda_s + lambda_s kappa_s(x_s, x'_s))``.

    ``kappa_s = mu_s exp(-|f(a) / l_s - f(b) / l_s|^2 / 2) + (1 - mu_s) [a = b]`` mixes the
    likeness of two words by their scales ``f (V, F)``, with a length ``l_s`` per scale, and their
    identity alone (without scales mu = 0). Expanding the product gives every interaction of sites,
    of order k with weight lambda^k: an ANOVA kernel (Duvenaud et al., 1112.4394). All are set by
    the marginal likelihood under weak priors, with one set for all sites where there are more
    than ``own_sites``.
    """

    def __init__(
        self, words: int, scales: NDArray[np.float64] | None = None,
        *, steps: int = 80, own_sites: int = 12,
    ) -> None:  # fmt: skip
        self.words, self.steps, self.own_sites = words, steps, own_sites
        features = np.zeros((words, 0)) if scales is None else scales
        deviation = features.std(axis=0)
        centred = (features - features.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
        self.features = torch.from_numpy(centred)

    def fit(self, tokens: Tokens, values: Values, seed: int = 0) -> SiteKernelProcess:
        """Condition on ``values (n,)`` of ``tokens (n, L)``; deterministic, whatever the seed."""
        self.x, raw = torch.from_numpy(tokens), torch.from_numpy(values).double()
        self.center, self.scale = raw.mean(), raw.std().clamp(min=1e-9)
        y = ((raw - self.center) / self.scale)[:, None]
        length, width = tokens.shape[1], self.features.shape[1]
        self.sites = length if length <= self.own_sites else 1
        # A long product needs sites that each matter little, or nothing is like anything.
        start = 0.0 if length <= self.own_sites else -math.log(length / 2)
        parameters = {
            "length": torch.full((self.sites, width), math.log(2.0), dtype=torch.double),
            "weight": torch.full((self.sites,), start, dtype=torch.double),
            "likeness": torch.zeros(self.sites, dtype=torch.double),
            "variance": torch.zeros(1, dtype=torch.double),
            "noise": torch.full((1,), -3.0, dtype=torch.double),
        }
        middle = {name: value.clone() for name, value in parameters.items()}
        breadth = {"length": 1.0, "weight": 2.0, "likeness": 2.0, "variance": 1.0, "noise": 2.0}
        parameters = {name: value.requires_grad_() for name, value in parameters.items()}
        adam = torch.optim.Adam(parameters.values(), lr=0.1)
        for _ in range(self.steps):
            adam.zero_grad()
            factor = self._factor(parameters)
            solved = torch.cholesky_solve(y, factor)
            loss = 0.5 * (y * solved).sum() + factor.diagonal().log().sum()
            for name, value in parameters.items():
                loss = loss + 0.5 * (value - middle[name]).square().sum() / breadth[name]
            loss.backward()
            adam.step()
        with torch.no_grad():
            self._factored = self._factor(parameters)
            self._solved = torch.cholesky_solve(y, self._factored)
            self._tables = self._table(parameters)
            self._variance = parameters["variance"].detach().exp()
        return self

    @torch.no_grad()
    def predict(self, tokens: Tokens, block: int = 16384) -> tuple[Values, Values]:
        """Mean and standard deviation ``(m,)`` of the noise-free value, in float32."""
        tables, variance = self._tables.float(), self._variance.float()
        factor, solved, known = self._factored.float(), self._solved.float(), self.x
        means, spreads = [], []
        for part in torch.from_numpy(tokens).split(block):
            across = variance * _product(tables, known, part)
            means.append((across.T @ solved)[:, 0])
            half = torch.linalg.solve_triangular(factor, across, upper=False)
            spreads.append((variance - half.square().sum(dim=0)).clamp(min=1e-8).sqrt())
        mean = torch.cat(means).double() * self.scale + self.center
        return mean.numpy(), (torch.cat(spreads).double() * self.scale).numpy()

    @torch.no_grad()
    def draws(self, tokens: Tokens, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """``(n, m)`` functions from the joint posterior at ``tokens (m, L)``, m up to thousands."""
        at = torch.from_numpy(tokens)
        across = self._variance * _product(self._tables, self.x, at)
        half = torch.linalg.solve_triangular(self._factored, across, upper=False)
        joint = self._variance * _product(self._tables, at, at) - half.T @ half
        joint.diagonal().add_(JITTER * self._variance)
        normal = torch.from_numpy(rng.standard_normal((len(tokens), n)))
        drawn = across.T @ self._solved + torch.linalg.cholesky(joint) @ normal
        return (drawn.T * self.scale + self.center).numpy()

    def _table(self, parameters: dict[str, Tensor]) -> Tensor:
        """Each site's factor of the kernel for every pair of words: ``(sites, V, V)``."""
        weight, mixed = parameters["weight"].sigmoid(), parameters["likeness"].sigmoid()
        same = torch.eye(self.words, dtype=torch.double)
        if not self.features.shape[1]:
            kappa = same.expand(self.sites, -1, -1)
        else:
            at = self.features / parameters["length"].exp()[:, None, :]
            gap = (at[:, :, None] - at[:, None, :]).square().sum(dim=-1)
            mixed = mixed[:, None, None]
            kappa = mixed * torch.exp(-0.5 * gap) + (1.0 - mixed) * same
        weight = weight[:, None, None]
        return 1.0 - weight + weight * kappa

    def _factor(self, parameters: dict[str, Tensor]) -> Tensor:
        kernel = parameters["variance"].exp() * _product(self._table(parameters), self.x, self.x)
        noise = (parameters["noise"].exp() + JITTER) * torch.eye(len(self.x), dtype=torch.double)
        return torch.linalg.cholesky(kernel + noise)


def _product(tables: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Products over sites ``(n, m)`` of the tables' entries for ``a (n, L)`` and ``b (m, L)``."""
    out = torch.ones(len(a), len(b), dtype=tables.dtype)
    for site in range(a.shape[1]):
        table = tables[site if len(tables) > 1 else 0]
        out = out * table[a[:, site]][:, b[:, site]]
    return out
