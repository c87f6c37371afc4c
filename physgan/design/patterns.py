"""Search where a value is a product over hidden patterns of words at fixed gaps, found anywhere.

Such are Ehrlich functions (Stanton et al., 2407.00236): a value in 0..1 and, for a sequence with a
forbidden neighbourhood, none. Nothing but answers is used: which words may follow each other is
read from samples that broke no rule, which positions matter from exchanges of one word, and which
of them belong together from exchanges of two, whose effects do not multiply inside one pattern.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from physgan.design.chain import Grammar
from physgan.design.ledger import BudgetSpent, Ledger
from physgan.design.pattern_moves import Block, new_block, promise, promising, teaching
from physgan.design.space import Tokens, Values
from physgan.errors import RunError

SAME = 1e-9
RARE = 1e-3
MOST_BROKEN = 0.04
VENTURES = 0.5
PATIENCE = 8


class PatternSearch:
    """Improve the best sample until ``goal`` by filling, knocking out and moving.

    *Fill*: positions that do not matter get random words, at each position those not tried there
    before, by exact sampling of walks; one question tries a word at every free position at once.
    *Knock out*: one word is exchanged; a lower value says that the position matters. *Move*: when
    nothing is left to try, the words of each pattern, kept together, go elsewhere, so that what
    collided comes apart. The oracle must be deterministic. ``batch`` questions are asked at once.
    """

    def __init__(
        self, ledger: Ledger, *, seed: int = 0, batch: int = 16, goal: float = np.inf,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        self.ledger, self.batch, self.goal, self.say = ledger, batch, goal, say
        self.rng = np.random.default_rng(seed)
        self.words, self.length = ledger.space.words, ledger.space.length
        self.round, self.idle, self.broken, self.stale = 0, 0, 0, False
        self.met: set[bytes] = set()
        self.grammar = Grammar(self.words)
        self.base, self.value = np.zeros(self.length, dtype=np.int64), -np.inf
        self.ratio = np.full(self.length, np.nan)
        self.tried = np.zeros((self.length, self.words), dtype=bool)
        self.blocks: list[Block] = []
        self.failed: set[tuple[int, ...]] = set()

    def run(self) -> Ledger:
        """Search until the goal is reached or the budget is spent. Raises RunError where no start
        has a value above zero after many tries."""
        try:
            self._begin()
            asked, still = 0, 0
            while self.value < self.goal:
                still, asked = (still + 1 if asked == len(self.met) else 0), len(self.met)
                if still >= PATIENCE:
                    self._roam()
                if self._knock_out() or self._fill():
                    continue
                if self.stale:
                    # What was tried before the last pattern appeared was not tried beside it.
                    self.tried[:], self.stale = False, False
                elif self.rng.random() > VENTURES or not self._venture():
                    self._move()
        except BudgetSpent:
            pass
        return self.ledger

    def _begin(self) -> None:
        space = self.ledger.space
        start = space.random(100, self.rng) if space.start is None else space.start
        self._take(start, self._ask(start, "start"))
        for _ in range(200):
            if self.value > 0:
                return
            self._roam()
        raise RunError("no sequence of a value above zero was found to start from")

    def _roam(self) -> None:
        """Ask random walks that now and then take an unknown step: they teach what may follow."""
        walks = self.grammar.walks(
            np.ones((self.length, self.words)), self.batch, self.rng, 1.0 / (self.length * 4)
        )
        self._take(walks, self._ask(walks, "walk"))

    def _ask(self, tokens: Tokens, source: str) -> Values:
        values = self.ledger.ask(tokens, round=self.round, source=source)
        self.round += 1
        # A log that is continued answers the future too: only what this run has met counts.
        new = [row for row, sample in enumerate(tokens) if sample.tobytes() not in self.met]
        self.met |= {tokens[row].tobytes() for row in new}
        self.broken += int((values[new] == -np.inf).sum())
        self.grammar.learn(tokens[new], values[new] != -np.inf)
        return np.where(np.isnan(values), -np.inf, values)

    def _take(self, tokens: Tokens, values: Values) -> bool:
        """Make the best of ``tokens`` the base where it is better."""
        best = int(values.argmax())
        if not values[best] > self.value * (1 + SAME) + SAME:
            return False
        changed = tokens[best] != self.base
        old, self.base, self.value = self.value, tokens[best].copy(), float(values[best])
        self.ratio[changed] = np.nan
        self.ratio[self._matters() & ~changed] = np.nan if old <= 0 else 0.5
        self.blocks, self.stale, self.idle = [], bool(self.tried.any()), 0
        self.say(f"{len(self.met)} answers, best {self.value:.4g}")
        return True

    def _matters(self) -> NDArray[np.bool_]:
        """Positions whose exchange lowers the value; the rest is free or not yet known."""
        return self.ratio < 1 - SAME

    def _walks(self, potential: NDArray[np.float64], n: int) -> Tokens:
        """Walks through neighbours known to be allowed; through unknown ones where none is."""
        walks = self.grammar.walks(potential, n, self.rng)
        return walks if len(walks) else self.grammar.walks(potential, n, self.rng, RARE)

    def _kept(self, keep: NDArray[np.bool_]) -> NDArray[np.float64]:
        """A potential that fixes the base's words at ``keep (L,)``."""
        potential = np.ones((self.length, self.words))
        potential[keep] = 0.0
        potential[np.flatnonzero(keep), self.base[keep]] = 1.0
        return potential

    def _without(self, places: list[int]) -> Tokens:
        """One walk that differs from the base at all of ``places`` and, if it must, at free
        neighbours; no rows where there is none."""
        keep = np.ones(self.length, dtype=bool)
        keep[places] = False
        free = self.ratio >= 1 - SAME
        near = np.zeros(self.length, dtype=bool)
        for place in places:
            near[max(place - 1, 0) : place + 2] = True
        for unknown, loosen in ((0.0, False), (0.0, True), (RARE, False), (RARE, True)):
            potential = self._kept(keep & ~(free & near) if loosen else keep)
            potential[places, self.base[places]] = 0.0
            walk = self.grammar.walks(potential, 1, self.rng, unknown)
            if len(walk):
                return walk
        return np.zeros((0, self.length), dtype=np.int64)

    def _knock_out(self) -> bool:
        """Learn which positions matter; True where a better sample turned up.

        Words are exchanged one group after the other, and an exchange that costs nothing stays:
        so of two copies of a pattern one goes, and the other is seen to matter.
        """
        places = self.rng.permutation(np.flatnonzero(np.isnan(self.ratio))).tolist()
        groups = [places[i : i + 4] for i in range(0, len(places), 4)]
        tries = dict.fromkeys(places, 3)
        while groups:
            group = groups.pop()
            walk = self._without(group)
            if not len(walk):
                if len(group) > 1:
                    groups += [[place] for place in group]
                else:
                    self.ratio[group[0]] = 0.0
                continue
            value = self._ask(walk, "knock-out")[0]
            if self._take(walk, np.array([value])):
                return True
            if value >= self.value * (1 - SAME):
                self.base = walk[0].copy()
                self.ratio[group] = 1.0
            elif len(group) > 1:
                groups += [[place] for place in group]
            elif value == -np.inf and tries[group[0]]:
                tries[group[0]] -= 1
                groups.append(group)
            else:
                self.ratio[group[0]] = max(value / self.value, 0.0)
        return False

    def _fill(self) -> bool:
        """Random words at free positions; True where a better sample turned up."""
        matters = self._matters()
        while True:
            potential = np.where(self.tried, 1e-4, 1.0)
            potential[matters] = self._kept(matters)[matters]
            walks = teaching(self._walks(potential, 2 * self.batch), self.tried, ~matters, self.met)
            walks = walks[: self.batch]
            if not len(walks):
                return False
            values = self._ask(walks, "fill")
            if self._take(walks, values):
                return True
            same = values >= self.value * (1 - SAME)
            if same.mean() < 0.5:
                # Something else matters too: two positions stood in for each other.
                self.ratio[~matters] = np.nan
                return True
            self.tried[np.arange(self.length), walks[same]] = True

    def _venture(self) -> bool:
        """Words that no known neighbours allow, one a question, while few questions have broken a
        rule; True where something was asked."""
        if self.broken > MOST_BROKEN * len(self.met):
            return False
        matters = self._matters()
        walks: list[Tokens] = []
        places, words = np.nonzero(~self.tried & ~matters[:, None])
        chance = promise(self.ratio)[places]
        most = min(4 * self.batch, len(places))
        for pick in self.rng.choice(len(places), most, replace=False, p=chance / chance.sum()):
            potential = self._kept(matters)
            potential[places[pick]] = 0.0
            potential[places[pick], words[pick]] = 1.0
            walk = self.grammar.walks(potential, 1, self.rng, RARE)
            if not len(walk):
                self.tried[places[pick], words[pick]] = True
            elif walk[0].tobytes() not in self.met:
                walks.append(walk[0])
            if len(walks) == max(self.batch // 2, 1):
                break
        if not walks:
            return False
        values = self._ask(np.stack(walks), "venture")
        if not self._take(np.stack(walks), values):
            same = values >= self.value * (1 - SAME)
            self.tried[np.arange(self.length), np.stack(walks)[same]] = True
        return True

    def _blocks(self) -> list[Block]:
        """Positions that matter, by pattern: inside one, two exchanges do not multiply. Empty
        where a better sample turned up on the way."""
        self.ratio[self._matters()] = np.nan
        if self._knock_out():
            return []
        left, blocks = np.flatnonzero(self._matters()).tolist(), []
        while left:
            first, members = left[0], [left[0]]
            alike = [p for p in left[1:] if abs(self.ratio[p] - self.ratio[first]) < 1e-6]
            pairs = [(p, w[0]) for p in alike if len(w := self._without([first, p]))]
            if pairs:
                tokens = np.stack([walk for _, walk in pairs])
                values = self._ask(tokens, "pair")
                if self._take(tokens, values):
                    return []
                for (place, _), value in zip(pairs, values, strict=True):
                    apart = self.ratio[first] * self.ratio[place] * self.value
                    if value > -np.inf and abs(value - apart) > 1e-6 * self.value:
                        members.append(place)
            blocks.append(new_block(members, self.length, self.words))
            left = [place for place in left if place not in members]
        return blocks

    def _move(self) -> None:
        """Put patterns elsewhere, each as a whole, so that words not tried beside them fit in."""
        self.idle += 1
        if self.idle % PATIENCE == 0:
            self._forget()
            return
        if not self.blocks:
            self.blocks = self._blocks()
            self.failed.clear()
            if not self.blocks:
                return
        blocks = [block.having(self.tried) for block in self.blocks]
        asked: list[tuple[Tokens, list[Block], NDArray[np.bool_]]] = []
        for moved, tried in promising(blocks, self.length, self.failed, self.rng):
            potential = np.ones((self.length, self.words))
            for old, new in zip(blocks, moved, strict=True):
                potential[new.places] = 0.0
                potential[new.places, self.base[old.places]] = 1.0
            walk = self.grammar.walks(potential, 1, self.rng)
            if len(walk) and walk[0].tobytes() not in self.met:
                asked.append((walk[0], moved, tried))
            if len(asked) == max(self.batch // 4, 1):
                break
        if not asked:
            if not self._venture():
                self._forget()
            return
        tokens = np.stack([walk for walk, _, _ in asked])
        values = self._ask(tokens, "move")
        if self._take(tokens, values):
            return
        for (walk, moved, tried), value in zip(asked, values, strict=True):
            if value >= self.value * (1 - SAME):
                ratio = np.ones(self.length)
                for old, new in zip(blocks, moved, strict=True):
                    ratio[new.places] = self.ratio[old.places]
                self.base, self.blocks, self.ratio, self.tried = walk.copy(), moved, ratio, tried
                return
            self.failed.add(tuple(block.anchor for block in moved))

    def _forget(self) -> None:
        """Distrust what was learned: a pattern that stood in two ways may have hidden a word."""
        self.tried[:] = False
        self.ratio[:] = np.nan
        self.blocks = []
