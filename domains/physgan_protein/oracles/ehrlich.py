"""Ehrlich functions: closed-form landscapes with motifs, epistasis and infeasible sequences.

S. Stanton, R. Alberstein, N. Frey et al., "Closed-Form Test Functions for Biophysical Sequence
Design Benchmarking", arXiv:2407.00236 (2024). With c motifs a_i of k letters at offsets s_i,

    f(x) = prod_i r(max_l floor(q m_il / k) / q),   m_il = #{j : x[l + s_ij] = a_ij},

where x is feasible, r(h) = h (1 + e h (h - 1)) with epistasis e (0: r(h) = h). A sequence is
feasible if none of its neighbouring letters form a banned transition. The maximum is 1. The
functions are drawn as the paper says, from numpy's generator: a seed gives another function here
than in pytorch-holo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS
from physgan_protein.oracles.base import SequenceOracle
from physgan_protein.oracles.markov import banned_transitions, walks

LETTERS = AMINO_ACIDS + "BJOUXZ0123456789"
"""States beyond the twenty amino acids are written with the other letters and digits."""


class Ehrlich(SequenceOracle):
    """An Ehrlich function of sequences of ``length`` letters, as a counted oracle.

    ``states`` v letters (3 to 36, the first v of ``alphabet``), ``motifs`` c of ``motif_length``
    k letters, quality in ``quantization`` q steps (k where None). ``infeasible`` is the value of a
    sequence that is not feasible, of another length or of other letters; minus infinity as in the
    paper, finite for searches that need numbers. ``function_seed`` fixes the function (``seed``
    where None), ``seed`` the draws of ``initial_solution``.

    Raises InputError where the motifs do not fit into the length, c k > L.
    """

    name = "ehrlich"

    def __init__(
        self,
        states: int = 20,
        length: int = 32,
        motifs: int = 4,
        motif_length: int = 4,
        quantization: int | None = None,
        epistasis: float = 0.0,
        infeasible: float = -np.inf,
        alphabet: str = LETTERS,
        function_seed: int | None = None,
        *,
        budget: int | None = None,
        seed: int = 0,
        property: str = "fitness",
    ) -> None:
        super().__init__(budget=budget, seed=seed, property=property)
        steps = motif_length if quantization is None else quantization
        _check(states, length, motifs, motif_length, steps, epistasis, alphabet)
        self.states, self.length, self.quantization = states, length, steps
        self.epistasis, self.infeasible = epistasis, float(infeasible)
        self.alphabet = alphabet[:states]
        self.function_seed = seed if function_seed is None else function_seed
        rng = np.random.default_rng([self.function_seed, states, length, motifs, motif_length])
        self.transition = banned_transitions(states, rng)
        # One chain cut into pieces: the motifs can follow one another in a feasible sequence.
        chain = walks(self.transition, 1, motifs * motif_length, rng)
        self.motifs = chain.reshape(motifs, motif_length)
        self.offsets = np.array(
            [_offsets(motif_length, length // motifs, rng) for _ in self.motifs]
        )
        self._index = np.full(256, -1, dtype=np.int64)
        self._index[np.frombuffer(self.alphabet.encode(), np.uint8)] = np.arange(states)

    def score(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        values = np.full(len(sequences), self.infeasible)
        fits = np.flatnonzero(self.feasible(sequences))
        if len(fits):
            values[fits] = self.quality(self._states([sequences[int(i)] for i in fits]))
        return values

    def quality(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """f ``(n,)`` of states ``(n, L)``, whether they are feasible or not."""
        value = np.ones(len(tokens))
        for present in self.present(tokens).T:
            share = (present * self.quantization // self.motifs.shape[1]) / self.quantization
            value *= share * (1 + self.epistasis * share * (share - 1))
        return value

    def present(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many letters of each motif are in place at its best position, ``(n, c)``."""
        best = []
        for motif, offset in zip(self.motifs, self.offsets, strict=True):
            starts = np.arange(self.length - offset[-1])
            windows = tokens[:, starts[:, None] + offset]
            best.append((windows == motif).sum(axis=2).max(axis=1))
        return np.stack(best, axis=1)

    def feasible(self, sequences: Sequence[str]) -> NDArray[np.bool_]:
        """Which sequences are feasible ``(n,)``. It costs no call, and is for reports and tests: a
        search that is compared with others learns it from answers alone, as they do."""
        return np.array([self.reason(s) == "" for s in sequences], dtype=bool)

    def reason(self, sequence: str) -> str:
        """Why ``sequence`` is not feasible; empty where it is."""
        if len(sequence) != self.length:
            return f"{len(sequence)} letters, not {self.length}"
        (states,) = self._states([sequence])
        if (states < 0).any():
            place = int(np.argmax(states < 0))
            return f"{sequence[place]!r} at position {place + 1} is no letter of this function"
        banned = self.transition[states[:-1], states[1:]] == 0
        if banned.any():
            place = int(np.argmax(banned))
            return f"banned pair {sequence[place : place + 2]} at position {place + 1}"
        return ""

    def describe(self, sequence: str, value: float) -> dict[str, Any]:
        if reason := self.reason(sequence):
            row: dict[str, Any] = {"feasible": False}
            finite = np.isfinite(value)
            return row | ({self.properties[0]: value} if finite else {"error": reason})
        return {self.properties[0]: value, "feasible": True}

    def initial_solution(self, n: int = 1) -> list[str]:
        """``n`` feasible sequences drawn from the chain by ``seed``; the same at each call."""
        rng = np.random.default_rng([self.seed, self.function_seed, 1])
        return self._letters(walks(self.transition, n, self.length, rng))

    def optimal_solution(self) -> str:
        """A feasible sequence of value 1: each motif at its offsets, gaps filled by repeats."""
        states: list[int] = []
        for motif, offset in zip(self.motifs, self.offsets, strict=True):
            lengths = np.append(np.diff(offset), 1)
            states.extend(np.repeat(motif, lengths).tolist())
        states.extend(states[-1:] * (self.length - len(states)))
        return self._letters(np.array([states]))[0]

    def settings(self) -> dict[str, Any]:
        return {
            "states": self.states,
            "length": self.length,
            "motifs": self._letters(self.motifs),
            "offsets": self.offsets.tolist(),
            "quantization": self.quantization,
            "epistasis": self.epistasis,
            "infeasible": self.infeasible if np.isfinite(self.infeasible) else None,
            "function_seed": self.function_seed,
        }

    def _states(self, sequences: Sequence[str]) -> NDArray[np.int64]:
        raw = "".join(sequences).encode("ascii", "replace")
        return self._index[np.frombuffer(raw, np.uint8)].reshape(len(sequences), -1)

    def _letters(self, tokens: NDArray[np.int64]) -> list[str]:
        return ["".join(self.alphabet[state] for state in row) for row in tokens]


def _offsets(letters: int, room: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Offsets ``(k,)`` of a motif's letters from its first, spanning at most ``room`` places."""
    slack = room - letters
    gaps = np.diff(np.sort(rng.uniform(0, slack, letters - 1)), prepend=0.0)
    return np.concatenate([[0], 1 + np.floor(gaps).astype(np.int64)]).cumsum()


def _check(
    states: int, length: int, motifs: int, letters: int, steps: int, epistasis: float, alphabet: str
) -> None:
    if not 3 <= states <= len(alphabet) or len(set(alphabet)) < len(alphabet):
        raise InputError(
            f"{states} states with an alphabet of {len(set(alphabet))} letters",
            fix="from 3 states to as many as there are distinct letters",
        )
    if motifs < 1 or letters < 2 or motifs * letters > length:
        raise InputError(
            f"{motifs} motifs of {letters} letters do not fit into {length} places",
            fix="motifs times motif length at most the length; at least one motif of two letters",
        )
    if not 1 <= steps <= letters:
        raise InputError(
            f"quality in {steps} steps", fix=f"from 1 to the motif's {letters} letters"
        )
    if not 0 <= epistasis <= 3:
        raise InputError(f"epistasis {epistasis}", fix="from 0 to 3, where a motif never hurts")
