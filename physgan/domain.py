"""The contract of a domain plug-in, and its discovery through entry points.

A domain says what a sample is and which laws hold. It contributes data, networks, penalties,
projections, property predictors, an oracle and file formats; the framework contributes the game.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensordict import TensorDict
from torch import Tensor, nn

from physgan.errors import InputError
from physgan.vocabulary import Data, Generator, Oracle, Penalty, Projection, Property, Verdict

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

    from physgan.conditions import ConditionSchema

ENTRY_POINT_GROUP = "physgan.domains"

__all__ = [
    "Data",
    "Domain",
    "Generator",
    "Oracle",
    "Penalty",
    "Projection",
    "Property",
    "Verdict",
    "available",
    "load",
]


class Domain(ABC):
    """What a science contributes. A plug-in is one subclass and one entry point.

    An instance is bound to what it learned from its training data by ``fit`` (vocabulary,
    template library, scales); ``state`` and ``restore`` carry that through a run folder as plain
    JSON-able values and tensors, without pickled classes. ``citations`` is BibTeX of what a run
    with this domain rests on (data, representation, networks).
    """

    name: str
    properties: tuple[Property, ...] = ()
    citations: str = ""
    needs: str = ""
    """What has to be told before this domain can be used, as the command line takes it."""
    words: Mapping[Any, Sequence[str]] = {}
    """By key of a token leaf the names of its words; an empty one stands for nothing (padding)."""

    @abstractmethod
    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        """Read ``split`` of the data at ``path`` (None: the embedded default) as tensors.

        The first call, on the training split, fits the domain. ``properties`` names the columns.
        Raises InputError with file and row for what cannot be read.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What ``restore`` needs to rebuild this fitted domain: JSON values under ``json``,
        tensors under ``tensors``."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Rebuild what ``load`` fitted from ``state``."""

    @abstractmethod
    def generator(self, condition_dim: int, **options: Any) -> Generator:
        """The decoder or generator network."""

    @abstractmethod
    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        """``(x, condition, given) -> (mean (B, Z), log variance (B, Z))``."""

    @abstractmethod
    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        """``(x, condition, given) -> Verdict`` with features.

        A critic that looks at x in other units than the user's may have ``prepare(x)``, a
        TensorDict that it takes for x as well: gradient penalties are then taken in those units.
        """

    def autoencoder_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        """A critic that is an autoencoder, for objectives that play with energies: ``(x,
        condition, given) -> Verdict`` whose ``score (B,)`` >= 0 is each sample's error of
        ``reconstruction``, floating leaves of x or of what its ``prepare(x)`` makes of x, and whose
        ``features`` are the code. One of plain layers on the leaves of the generator's samples,
        unless the domain has a better one."""
        from physgan.autoencoder_critic import plain_autoencoder

        return plain_autoencoder(self, condition_dim, **options)

    @abstractmethod
    def predictor(self, **options: Any) -> nn.Module:
        """``(x, given) -> features (B, F)`` with attribute ``feature_dim``; the framework adds the
        heads."""

    def translator(self, source: Domain, latent_dim: int, **options: Any) -> nn.Module | None:
        """A network that makes samples of ``source`` into this domain's, for cores that translate:
        ``(x, given of the source, given of this domain, z (B, latent_dim)) -> x``. None: this
        domain's generator under what the source's predictor network reads."""
        return None

    def vary(self, batch: TensorDict, generator: torch.Generator) -> TensorDict:
        """A training batch in another form that the data could have had (a turn, a mirror image),
        by numbers of ``generator`` alone. As it is, unless the domain knows better."""
        return batch

    def ordinary(self, schema: ConditionSchema, n: int) -> tuple[Tensor, TensorDict]:
        """What is asked where nobody asks for anything: conditions ``(n, dim)`` and ``given (n,)``
        under which samples follow the data, drawn from torch's random state."""
        return schema.typical(n), TensorDict({}, [n])

    def augment(self, x: TensorDict) -> TensorDict:
        """``x`` with each row turned at random into one that keeps its condition and what was
        given (a mirror image); differentiable, for real and fake alike. It gets ``x`` as the
        critic prepares it, where the critic does."""
        raise InputError(
            f"the domain {self.name!r} has no augmentation of its own",
            fix="choose diffaugment, which is for 2-D fields",
        )

    def recommended(self) -> dict[str, Any]:
        """Settings that suit this domain: the ``core`` that a run has by default, under ``cores``
        the options of each, the ``trainer`` section of a config, ``predictor`` options, and the
        ``predictor_share`` of the training time that the predictor gets besides (default .75);
        whatever the user sets goes before them."""
        return {}

    def penalties(self) -> Sequence[Penalty]:
        """The laws as residuals with tolerances."""
        return ()

    def projections(self) -> Sequence[Projection]:
        """The laws that can be made to hold exactly."""
        return ()

    def oracle(self, name: str | None = None, **options: Any) -> Oracle | None:
        """The independent judge, or None where the domain has none."""
        return None

    @abstractmethod
    def decode(self, x: TensorDict) -> list[Any]:
        """Batch to native objects; an object that cannot be built is None."""

    @abstractmethod
    def encode(self, samples: Sequence[Any]) -> tuple[TensorDict, list[int]]:
        """Native objects to a batch, and the positions of the samples that could be encoded."""

    @abstractmethod
    def write(self, samples: Sequence[Any], names: Sequence[str], folder: Path) -> list[Path]:
        """Write native files; returns the files written, one sample's first file per sample."""

    @abstractmethod
    def draw(self, sample: Any) -> Figure:
        """A picture of one native sample."""

    def validity(self, sample: Any) -> dict[str, bool]:
        """Named yes/no checks of one native sample; a candidate must pass all."""
        return {}

    def filters(self, sample: Any) -> dict[str, bool]:
        """Named checks that are reported apart from validity and filter only when asked."""
        return {}

    def fingerprint(self, samples: Sequence[Any]) -> Any:
        """Array ``(n, F)`` whose Euclidean distance says how near two samples are."""
        raise InputError(f"the domain {self.name!r} has no fingerprint")

    def plausibility(self, samples: Sequence[Any]) -> Any:
        """Array ``(n,)`` that ranks native ``samples`` by how likely they are to work, larger for
        likelier, from what is known beside their labels; None where nothing is."""
        return None

    def same(self, a: Any, b: Any) -> bool:
        """Whether two native samples are the same object for the field (a structure matcher)."""
        return bool(a == b)

    def key(self, sample: Any) -> str:
        """Samples with different keys are certainly different; makes duplicate search fast."""
        return ""

    def label(self, sample: Any) -> str:
        """A short human name of a native sample (a formula)."""
        return str(sample)

    def evaluate(
        self, samples: Sequence[Any], reference: Sequence[Any], **options: Any
    ) -> dict[str, Any]:
        """The field's standard metrics, as the field's standard scripts define them.

        ``options`` hold at least ``train``, native samples; ``run`` and ``asked``, the values of
        each property that the samples were drawn under, where a run drew them; ``seed``; ``rows``,
        a CSV file to write with a line per sample.
        """
        judge = self.evaluator()
        return {} if judge is None else judge(self, samples, reference, **options)

    def evaluator(self) -> Callable[..., dict[str, Any]] | None:
        """The function that ``evaluate`` calls with the domain first; of its keywords those that
        the program does not give itself are options of ``physgan evaluate``."""
        return None


def available() -> dict[str, Callable[[], Domain]]:
    """Installed domains by name; built-in and third-party ones on the same terms."""
    return {point.name: point.load for point in entry_points(group=ENTRY_POINT_GROUP)}


def load(name: str, **options: Any) -> Domain:
    """A fresh instance of the domain called ``name``, built with ``options``.

    Raises InputError when no such domain is installed or its extra is missing.
    """
    found = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise InputError(f"no domain called {name!r}", fix=f"installed: {known}")
    try:
        return found[name].load()(**options)
    except ModuleNotFoundError as error:
        raise InputError(
            f"the domain {name!r} needs {error.name!r}, which is not installed",
            fix=f'pip install "physgan[{name}]"',
        ) from error
