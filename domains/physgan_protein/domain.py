"""The protein domain: what sequences, their labels and their editing are to the framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Data, Domain, Generator, Oracle, Penalty, Property
from physgan.errors import InputError
from physgan_protein import alphabet
from physgan_protein.columns import ColumnOptions
from physgan_protein.exact import EXACT
from physgan_protein.options import check_options
from physgan_protein.peptides.properties import laws_within
from physgan_protein.rows import SplitOptions
from physgan_protein.sources import CITATIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from physgan.design.search import Search

SHIPPED = Path(__file__).parent / "weights" / "gb1"


class ProteinDomain(Domain):
    """Sequences of the twenty amino acids, of one length or of many.

    ``sequence_column``, ``classes``, ``labels``, ``least_labels``, ``log`` and ``bins`` say how a
    table is read (see ``ColumnOptions``), ``subset`` names a column that marks the rows to use,
    ``split_column``, ``split_seed`` and ``shares`` how it is divided (``SplitOptions``). Rows
    longer than ``longest`` and other bad ones are ``skip``-ped or ``refuse``-d (``on_bad``).
    ``tail`` > 0 draws training rows with probability exp(tail z) of the first number asked for.

    ``edit`` makes sequences by at most ``budget`` edits of a reference: the ``consensus`` of the
    training rows, or one of its ``rows``; positions in ``fixed``, counted from 1, never change.

    ``within`` keeps figures of the sequence in a range, as laws: by name (see
    ``physgan_protein.peptides``) the lowest, the highest and, if given, the tolerance. Without a
    path, the set called ``embedded`` is read (``peptides`` or ``ehrlich``); ``judge`` names the
    oracle that is asked where none is named (see ``physgan_protein.oracles.named``).
    """

    name = "protein"
    citations = CITATIONS
    words: Mapping[Any, Sequence[str]] = {"residues": (*alphabet.AMINO_ACIDS, "")}

    def __init__(
        self,
        sequence_column: str | None = None,
        classes: Sequence[str] = (),
        labels: Sequence[str] = (),
        least_labels: int = 20,
        log: Mapping[str, float] | None = None,
        bins: int = 10,
        subset: str | None = None,
        split_column: str | None = None,
        split_seed: int | None = None,
        shares: Sequence[float] = (0.1, 0.1),
        longest: int | None = None,
        on_bad: str = "skip",
        tail: float = 0.0,
        edit: str = "none",
        budget: int = 6,
        fixed: Sequence[int] = (),
        within: Mapping[str, Sequence[float]] | None = None,
        embedded: str = "peptides",
        judge: str | None = None,
    ) -> None:
        check_options(edit, budget, fixed, bins, shares, on_bad)
        self.sequence_column, self.subset, self.longest = sequence_column, subset, longest
        self.reading = ColumnOptions(tuple(classes), tuple(labels), least_labels, log, bins)
        self.splitting = SplitOptions(split_column, split_seed, (shares[0], shares[1]))
        self.on_bad, self.tail, self.embedded, self.judge = on_bad, tail, embedded, judge
        self.edit, self.budget, self.fixed = edit, budget, tuple(sorted(set(fixed)))
        self.laws = laws_within(within or {})
        self.columns: dict[str, str] = {}
        self.lengths = torch.zeros(0, dtype=torch.bool)
        self.pool = torch.zeros(0, 0, dtype=torch.uint8)
        self.longest_run, self.least_entropy = 0, 0.0
        self.shares = torch.zeros(0, 20)

    @property
    def length(self) -> int:
        """Length of the longest training sequence, to which all are padded."""
        if not len(self.lengths):
            raise InputError("the protein domain has seen no data", fix="load a training split")
        return len(self.lengths)

    @property
    def reference(self) -> str | None:
        """What edits are counted from, where there is one of it."""
        return alphabet.decode(self.pool)[0] if len(self.pool) == 1 else None

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        from physgan_protein.embedded import embedded
        from physgan_protein.loading import load_split

        if path is None:
            path, usual = embedded(self.embedded)
            properties = properties or usual
        return load_split(self, path, split, properties)

    def fit(self, sequences: Sequence[str]) -> None:
        """Bind the domain to its training sequences: lengths, references, what is degenerate.

        Raises InputError where edits are asked of sequences of several lengths.
        """
        from physgan_protein.checks import floor_of
        from physgan_protein.metrics.family import Profile
        from physgan_protein.references import reference_pool

        lengths = sorted({len(sequence) for sequence in sequences})
        self.lengths = torch.zeros(lengths[-1], dtype=torch.bool)
        self.lengths[torch.tensor(lengths) - 1] = True
        self.longest_run, self.least_entropy = floor_of(sequences)
        if len(lengths) == 1:
            self.shares = torch.from_numpy(Profile.fit(sequences).shares)
        if self.edit != "none":
            self.pool = reference_pool(self, sequences, lengths)

    def fixed_mask(self) -> Tensor:
        """True where a position never changes, ``(L,)``."""
        mask = torch.zeros(self.length, dtype=torch.bool)
        mask[[place - 1 for place in self.fixed]] = True
        return mask

    def declare(self, found: Sequence[tuple[Property, str]]) -> None:
        """Make these the properties, each with the column it comes from."""
        self.properties = tuple(prop for prop, _ in found)
        self.columns = {prop.name: column for prop, column in found}

    def state(self) -> dict[str, Any]:
        return {
            "json": {
                "properties": [
                    [p.name, list(p.classes or ()), p.log, p.shift, p.bins, self.columns[p.name]]
                    for p in self.properties
                ],
                "edit": self.edit,
                "budget": self.budget,
                "fixed": list(self.fixed),
                "longest_run": self.longest_run,
                "least_entropy": self.least_entropy,
            },
            "tensors": {"lengths": self.lengths, "pool": self.pool, "shares": self.shares},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        plain, tensors = state["json"], state["tensors"]
        told = []
        for name, classes, log, shift, bins, column in plain["properties"]:
            prop = Property(name, "", tuple(classes) or None, log=log, shift=shift, bins=bins)
            told.append((EXACT.get(name, prop) if not column else prop, column))
        self.declare(told)
        self.edit, self.budget = plain["edit"], plain["budget"]
        self.fixed = tuple(plain["fixed"])
        self.longest_run, self.least_entropy = plain["longest_run"], plain["least_entropy"]
        self.lengths, self.pool = tensors["lengths"].bool(), tensors["pool"]
        self.shares = tensors.get("shares", self.shares)

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        from physgan_protein.networks.generator import ProteinGenerator

        if len(self.pool):
            options = {"pool": self.pool, "fixed": self.fixed_mask(), **options}
        return ProteinGenerator(condition_dim, self.lengths, budget=self.budget, **options)

    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_protein.networks.encoder import ProteinEncoder

        kept = {n: options[n] for n in ("latent_dim", "width", "depth") if n in options}
        return ProteinEncoder(condition_dim, self.length, **kept)

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_protein.networks.critic import ProteinCritic

        return ProteinCritic(condition_dim, self.length, **options)

    def predictor(self, **options: Any) -> nn.Module:
        from physgan_protein.networks.predictor import build_predictor

        return build_predictor(self.length, **options)

    def augment(self, x: TensorDict) -> TensorDict:
        """Similar residues exchanged, or neighbours, which leaves exact properties alone."""
        from physgan_protein.augment import augmented

        exact = [prop.name for prop in self.properties if prop.is_exact]
        out = x.clone(recurse=False)
        out["residues"] = augmented(x["residues"], exact, self.fixed_mask())
        return out

    def recommended(self) -> dict[str, Any]:
        from physgan_protein.advice import recommended

        return recommended(longest=self.longest, edits=self.edit != "none")

    def penalties(self) -> Sequence[Penalty]:
        return self.laws

    def oracle(self, name: str | None = None, **options: Any) -> Oracle | None:
        from physgan_protein.oracles.named import named_oracle

        asked = [p.name for p in self.properties if not p.is_exact and p.classes is None]
        told = {"property": asked[0]} if len(asked) == 1 else {}
        name = name or self.judge
        return None if name is None else named_oracle(name, **{**told, **options})

    def decode(self, x: TensorDict) -> list[str | None]:
        tokens = x["residues"].argmax(dim=-1)
        ended = (tokens == alphabet.PAD).int()
        whole = (ended.diff(dim=1) >= 0).all(dim=1) & (ended[:, 0] == 0)
        found = alphabet.decode(tokens)
        return [s if good else None for s, good in zip(found, whole.tolist(), strict=True)]

    def encode(self, samples: Sequence[str]) -> tuple[TensorDict, list[int]]:
        kept = [
            place
            for place, s in enumerate(samples)
            if 0 < len(s) <= self.length and alphabet.bad_residue(s) is None
        ]
        good = [samples[place] for place in kept]
        residues = alphabet.one_hot(alphabet.encode(good, self.length))
        return TensorDict({"residues": residues}, [len(kept)]), kept

    def write(self, samples: Sequence[str], names: Sequence[str], folder: Path) -> list[Path]:
        """All samples in one FASTA file and one table; the FASTA file is every sample's."""
        from physgan_protein.io import write_csv, write_fasta

        folder.mkdir(parents=True, exist_ok=True)
        fasta = write_fasta(samples, names, folder / "sequences.fasta")
        write_csv(samples, names, folder / "sequences.csv")
        return [fasta] * len(samples)

    def draw(self, sample: str) -> Figure:
        from physgan_protein.draw import draw_sequence

        return draw_sequence(sample, self.reference)

    def validity(self, sample: str) -> dict[str, bool]:
        """The alphabet, a length of the data, no longer run and no less entropy than they have."""
        from physgan_protein.checks import checks

        return checks(sample, self.lengths, self.longest_run, self.least_entropy)

    def fingerprint(self, samples: Sequence[str]) -> Any:
        from physgan_protein.fingerprints import fingerprints

        return fingerprints(samples, self.length, aligned=int(self.lengths.sum()) == 1)

    def plausibility(self, samples: Sequence[str]) -> Any:
        """By what the training family and any protein tolerate; None for several lengths."""
        from physgan_protein.metrics.tolerance import plausibility

        return plausibility(samples, self.shares.numpy()) if len(self.shares) else None

    def key(self, sample: str) -> str:
        return sample

    def label(self, sample: str) -> str:
        from physgan_protein.names import label

        return label(sample, self.reference)

    def evaluator(self) -> Callable[..., dict[str, Any]]:
        from physgan_protein.evaluation import evaluate_proteins

        return evaluate_proteins

    def read_samples(self, folder: Path) -> list[str]:
        """The sequences of a FASTA or CSV file, or of the one that ``write`` puts in a folder."""
        from physgan_protein.io import read_records

        path = folder / "sequences.fasta" if folder.is_dir() else folder
        return read_records(path, self.sequence_column).sequences

    def search(self, oracle: Oracle | None, run: Any, seed: int) -> Search:
        """How an oracle's answers are searched, in rounds."""
        from physgan_protein.design.search import search_for

        return search_for(self, oracle, run, seed)

    def shipped_run(self) -> Path:
        """The folder of the ready weights."""
        return SHIPPED
