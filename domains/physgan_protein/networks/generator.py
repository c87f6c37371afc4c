"""Latent and condition to a sequence: free, of drawn length, or edits of a reference."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.domain import Generator
from physgan_protein.alphabet import PAD, TOKENS
from physgan_protein.networks.trunk import PATCH, SHORT, Stack, layers, patches
from physgan_protein.sampling import FORBIDDEN, choose, edits, inside, no_padding, padded


class ProteinGenerator(Generator):
    """p(length | z, c) and p(x_i | z, c) for each position, independent given z and c.

    ``lengths (L,)`` marks the lengths 1 to L of the training data; one alone needs no head.
    Temperature tau of the relaxed gradients falls from ``tau[0]`` to ``tau[1]`` over ``anneal``
    samples drawn in training; samples themselves are exact draws throughout, from probabilities
    made sharper by a ``temperature`` below 1 and more various by one above.

    With a ``pool (R, L)`` of references the network edits: m_i says whether position i changes and
    y_i to what, never to what is there, so x = m y + (1 - m) reference has at most ``budget``
    edits, and none where ``fixed (L,)``. The reference is ``given``, else drawn from the pool.
    """

    tau: Tensor
    lengths: Tensor
    pool: Tensor
    fixed: Tensor

    def __init__(
        self,
        condition_dim: int,
        lengths: Tensor,
        pool: Tensor | None = None,
        fixed: Tensor | None = None,
        budget: int = 0,
        *,
        latent_dim: int = 32,
        width: int = 96,
        depth: int = 3,
        tau: tuple[float, float] = (1.0, 0.5),
        anneal: int = 10_000,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        length = len(lengths)
        self.latent_dim, self.budget, self.temperature = latent_dim, budget, temperature
        self.span, self.anneal = tuple(tau), anneal
        self.edits = pool is not None and len(pool) > 0
        self.register_buffer("tau", torch.tensor(float(tau[0])))
        self.register_buffer("lengths", lengths.bool().clone())
        self.register_buffer("pool", pool.long().clone() if pool is not None else None)
        self.register_buffer("fixed", fixed.bool().clone() if fixed is not None else None)
        inner = latent_dim + condition_dim
        self.varies = int(lengths.sum()) > 1
        if self.varies:
            self.length_head = nn.Sequential(
                nn.Linear(inner, width), nn.LeakyReLU(0.2), nn.Linear(width, length)
            )
        outputs = TOKENS + int(self.edits)
        self.short = length <= SHORT
        if self.short:
            told = inner + (length * TOKENS if self.edits else 0)
            self.body = layers(told, width, depth)
            self.out = nn.Linear(width, length * outputs)
        else:
            self.place = nn.Parameter(0.5 * torch.randn(width, -(-length // PATCH)))
            self.start = nn.Linear(inner, width)
            self.told = nn.Linear(PATCH * TOKENS, width, bias=False) if self.edits else None
            self.stack = Stack(width, depth, context=inner)
            self.out = nn.Linear(width, PATCH * outputs)
        self._start_with_few_edits(outputs, length)

    def _start_with_few_edits(self, outputs: int, length: int) -> None:
        if self.edits:
            share = min(0.5, max(1, self.budget) / (2 * length))
            with torch.no_grad():
                assert self.out.bias is not None
                self.out.bias.view(-1, outputs)[:, -1] = torch.logit(torch.tensor(share))

    def forward(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        inner = torch.cat([z, condition], dim=1)
        if self.edits:
            return self._edited(inner, self._reference(given, len(z)))
        return self._free(inner, self._mask(inner))

    def reconstruct(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> TensorDict:
        inner = torch.cat([z, condition], dim=1)
        if self.edits:
            return self._edited(inner, self._reference(given, len(z)))
        return self._free(inner, 1 - x["residues"][..., PAD])

    def nll(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> dict[str, Tensor]:
        inner = torch.cat([z, condition], dim=1)
        tokens = x["residues"].argmax(dim=-1)
        if self.edits:
            return self._edit_nll(tokens, inner, self._reference(given, len(z)))
        mask = 1 - x["residues"][..., PAD]
        logits = no_padding(self._logits(inner, mask))
        picked = F.cross_entropy(
            logits.flatten(0, 1), tokens.clamp(max=PAD - 1).flatten(), reduction="none"
        ).view_as(mask)
        found = {"residues": (picked * mask).sum(dim=1)}
        if self.varies:
            length = mask.sum(dim=1).round().long() - 1
            found["length"] = F.cross_entropy(self._lengths(inner), length, reduction="none")
        return found

    def _free(self, inner: Tensor, mask: Tensor) -> TensorDict:
        logits = no_padding(self._logits(inner, mask.detach())) / self.temperature
        residues = padded(choose(logits, self._tau()), mask)
        return TensorDict({"residues": residues}, [len(residues)])

    def _tau(self) -> Tensor:
        """The present temperature, after one more draw in training."""
        if self.training and torch.is_grad_enabled():
            first, last = self.span
            step = (first - last) / max(1, self.anneal)
            with torch.no_grad():
                self.tau.sub_(step).clamp_(min=min(first, last))
        return self.tau.clone()

    def _mask(self, inner: Tensor) -> Tensor:
        if not self.varies:
            only = F.one_hot(self.lengths.int().argmax(), len(self.lengths)).to(inner.dtype)
            return inside(only.unsqueeze(0)).expand(len(inner), -1)
        return inside(choose(self._lengths(inner), self.tau.clone()))

    def _lengths(self, inner: Tensor) -> Tensor:
        """Logits of the lengths 1 to L, ``(B, L)``."""
        return self.length_head(inner).masked_fill(~self.lengths, FORBIDDEN)

    def _logits(self, inner: Tensor, mask: Tensor, reference: Tensor | None = None) -> Tensor:
        """Logits ``(B, L, 21)``, and in the last column those of an edit, ``(B, L, 22)``."""
        known = None if reference is None else F.one_hot(reference, TOKENS).to(inner.dtype)
        if self.short:
            told = inner if known is None else torch.cat([inner, known.flatten(1)], dim=1)
            return self.out(self.body(told)).view(len(inner), len(self.lengths), -1)
        size, length = mask.shape
        here = patches(mask.unsqueeze(-1)).amax(dim=2).unsqueeze(1)
        x = self.place + self.start(inner).unsqueeze(-1)
        if known is not None and self.told is not None:
            x = x + self.told(patches(known)).transpose(1, 2)
        x = self.stack(x * here, here, inner)
        said = self.out(F.leaky_relu(x, 0.2).transpose(1, 2))
        return said.reshape(size, here.shape[2] * PATCH, -1)[:, :length]

    def _reference(self, given: TensorDict, size: int) -> Tensor:
        if "reference" in given.keys():  # noqa: SIM118
            return given["reference"].long()
        return self.pool[torch.randint(len(self.pool), (size,), device=self.pool.device)]

    def _split(self, inner: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of what an edit puts, ``(B, L, 21)``, never what is there, and of edits."""
        said = self._logits(inner, torch.ones_like(reference, dtype=inner.dtype), reference)
        there = F.one_hot(reference, TOKENS).bool()
        return no_padding(said[..., :TOKENS]).masked_fill(there, FORBIDDEN), said[..., TOKENS]

    def _edited(self, inner: Tensor, reference: Tensor) -> TensorDict:
        logits, edit = self._split(inner, reference)
        tau = self._tau()
        m = edits(edit / self.temperature, ~self.fixed, self.budget, tau).unsqueeze(-1)
        kept = F.one_hot(reference, TOKENS).to(logits.dtype)
        residues = m * choose(logits / self.temperature, tau) + (1 - m) * kept
        return TensorDict({"residues": residues}, [len(residues)])

    def _edit_nll(self, tokens: Tensor, inner: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """-log p(m) and -log p(y | m), which x and its reference determine."""
        logits, edit = self._split(inner, reference)
        changed = (tokens != reference).to(logits.dtype)
        where = F.binary_cross_entropy_with_logits(edit, changed, reduction="none")
        free = (~self.fixed).to(logits.dtype)
        to = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none")
        to = to.view_as(changed).masked_fill(changed == 0, 0.0)
        return {"edits": (where * free).sum(dim=1), "residues": to.sum(dim=1)}
