"""A run is a folder: started, trained, resumed, opened, sampled from and exported as one thing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan import cores
from physgan import domain as domains
from physgan.conditions import ConditionSchema, Target
from physgan.cores.base import Core
from physgan.domain import Data, Domain
from physgan.errors import InputError
from physgan.files import replace_folder
from physgan.training import Outcome, Trainer, rng
from physgan.training.card import write_card
from physgan.training.checkpoint import MODEL, model_bytes, read_model
from physgan.training.config import RunConfig, checksums, merged, override, read_config, versions
from physgan.training.ema import split_average
from physgan.training.files import disk_errors, write_atomic
from physgan.training.folder import (
    CARD,
    CONFIG,
    EXPORTED,
    count_rows,
    read_domain,
    read_rows,
    write_domain,
    write_keys,
    write_refused,
)
from physgan.training.options import unknown_key
from physgan.training.progress import Reporter
from physgan.training.warm_start import READY, Begun, begin_with, ready_run

if TYPE_CHECKING:
    from physgan.predictors import Predictor

PREDICTOR = "predictor"


class Run:
    """A core bound to the domain and the condition schema of its training data.

    Made by ``start`` and ``resume`` (with data, to train) or ``open`` (without, to sample).
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        domain: Domain,
        schema: ConditionSchema,
        core: Core,
        data: Mapping[str, Data] | None = None,
    ) -> None:
        self.folder, self.config, self.domain = folder, config, domain
        self.schema, self.core, self.data = schema, core, data
        self.begun: Begun | None = None  # what of other weights was taken over
        self._resuming = False

    @classmethod
    def start(
        cls, folder: Path | str, config: RunConfig, check: Callable[[Run], None] = lambda run: None
    ) -> Run:
        """Load the data, fit domain and schema, build the core, ``check``, try the game on a few
        rows, then write the folder.

        Raises InputError for a folder in use and for every mistake in ``config`` or the data.
        """
        folder = Path(folder)
        if _leads() and (folder / CONFIG).exists():
            raise InputError(
                "already holds a run", where=str(folder), fix="resume it or name another"
            )
        cores.check(config.core, config.core_options)
        path = config.data_path()
        config = config.model_copy(update={"versions": versions(), "checksums": checksums(path)})
        run = cls._prepare(folder, config, path)
        check(run)
        if config.weights:
            ready = config.weights == READY
            source = ready_run(run.domain) if ready else Path(config.weights)
            run.begun = begin_with(run.core, source, config.identity)
        with rng.isolated(0), torch.no_grad():
            run.core.rehearse((run.data or {})["train"].batch[:2])
        if _leads():
            with disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
            run.save_domain()
            write_refused(folder, run.data or {})
            run.config.write(folder / CONFIG)
        return run

    @classmethod
    def resume(cls, folder: Path | str, settings: Sequence[str] = ()) -> Run:
        """The run in ``folder`` with its data again, to train on; ``settings`` change options.

        Raises InputError when the data are not those that the run was started with.
        """
        folder = Path(folder)
        values = override(_read_run(folder), settings)
        config = RunConfig.from_dict(values, str(folder / CONFIG))
        path = config.data_path()
        if checksums(path) != config.checksums:
            raise InputError("the data have changed since this run was started", where=str(path))
        run = cls._prepare(folder, config, path)
        run._resuming = True
        if _leads():
            run.config.write(folder / CONFIG)
        return run

    @classmethod
    def _prepare(cls, folder: Path, config: RunConfig, path: Path | None) -> Run:
        domain = _load_domain(config)
        data = {s: domain.load(path, s, config.properties) for s in ("train", "val")}
        y = data["train"].batch["y"]
        names = config.properties or [p.name for p in domain.properties]
        known = {p.name: p for p in domain.properties}
        for name in names:
            if name not in known or name not in y.keys():  # noqa: SIM118
                raise unknown_key(name, sorted(set(known) & set(y.keys())), "property")
        schema = ConditionSchema([known[name] for name in names], y, data["train"].weights)
        rng.seed_all(config.trainer.seed)
        core = cores.build(config.core, domain, schema, **config.core_options)
        config = config.model_copy(update={"properties": tuple(names)})
        return cls(folder, config, domain, schema, core, data)

    @classmethod
    def open(cls, folder: Path | str, *, weights: str = MODEL, device: str = "cpu") -> Run:
        """A trained run, restored without its data and ready to sample with averaged weights.

        ``weights`` may be ``best.safetensors``. Raises InputError that names the file at fault.
        """
        folder = Path(folder)
        config = RunConfig.from_dict(_read_run(folder), str(folder / CONFIG))
        domain = _load_domain(config)
        schema = read_domain(folder, domain)
        core = cores.build(config.core, domain, schema, **config.core_options)
        run = cls(folder, config, domain, schema, core)
        run.load_weights(weights)
        run.core.to(device).requires_grad_(False)
        run.schema.to(device)
        return run

    def load_weights(self, name: str = MODEL) -> None:
        """Put the averaged weights of the file ``name`` into the core, in eval mode."""
        path = self.folder / name
        tensors, meta = read_model(path)
        if meta["identity"] != self.config.identity:
            raise InputError(f"these weights are of {meta['identity']}", where=str(path))
        own, averaged = split_average(tensors)
        try:
            missing, extra = self.core.load_state_dict(own | averaged, strict=False)
        except RuntimeError as error:
            first = " ".join(str(error).split("\n")[:2])
            raise InputError(f"the weights do not fit: {first}", where=str(path)) from error
        fine = ("_extra_state", *self.core.optional)
        missing = [n for n in missing if not (n.endswith(fine[0]) or n.startswith(fine[1:]))]
        if missing or extra:
            odd = (missing or extra)[0]
            raise InputError(f"the weights do not fit: {odd!r}", where=str(path))
        self.core.eval()

    def train(self, *, reporter: Reporter | None = None, until: int | None = None) -> Outcome:
        """Train to the end, or until Ctrl-C; at the end write keys and card, load the average."""
        if self.data is None:
            raise InputError("this run was opened without its data", fix="use Run.resume")
        if self.core.guided:
            self.core.follow(self.predictor())
        trainer = Trainer(
            self.core,
            self.data["train"].batch,
            self.data["val"].batch,
            self.config.trainer,
            self.folder,
            identity=self.config.identity,
            reporter=reporter,
            weights=self.data["train"].weights,
            vary=self.domain.vary,
        )
        outcome = trainer.fit(resume=self._resuming, until=until)
        self._resuming = True
        if outcome.reason != "interrupted" and trainer.world.rank == 0:
            self.load_weights()
            self._finish(outcome, str(trainer.device))
        trainer.world.wait()
        return outcome

    def sample(
        self,
        n: int,
        targets: Sequence[Target] = (),
        seed: int = 0,
        batch: int = 1024,
        given: TensorDict | None = None,
    ) -> TensorDict:
        """Draw ``n`` samples x that aim at ``targets``; the same for the same seed and batch.

        ``given`` (n,) is what the generator gets and does not make, by default what ``ask`` says.
        The global random state is left as it was.
        """
        device = next(self.core.parameters()).device
        with rng.isolated(seed), torch.no_grad():
            condition, own = self._ask(n, targets)
            given = own if given is None else given
            asked = condition.to(device).split(batch), given.to(device).split(batch)
            parts = [self.core.sample(*each) for each in zip(*asked, strict=True)]
        return torch.cat(parts)  # type: ignore[return-value]

    def ask(
        self, n: int, targets: Sequence[Target] = (), seed: int = 0
    ) -> tuple[Tensor, TensorDict]:
        """Conditions ``(n, dim)`` and given ``(n,)`` under which ``sample`` draws the same way;
        ``given["asked"]`` has what the conditions say, by property, for projections."""
        with rng.isolated(seed):
            condition, given = self._ask(n, targets)
        given["asked"] = TensorDict(self.schema.values(condition), [n]).cpu()
        return condition, given

    def _ask(self, n: int, targets: Sequence[Target]) -> tuple[Tensor, TensorDict]:
        if n < 1:
            raise InputError(f"cannot draw {n} samples", fix="ask for at least one")
        asked = self.schema.request(targets, n)
        if asked:
            return self.schema(asked), TensorDict({}, [n])
        return self.domain.ordinary(self.schema, n)

    def predictor(self) -> Predictor | None:
        """The property predictor of this run, or None where none was trained."""
        from physgan.predictors.storage import load_predictor

        folder = self.folder / PREDICTOR
        return load_predictor(self.domain, folder) if folder.is_dir() else None

    def export(self, folder: Path | str, *, half: bool = False) -> Path:
        """Write the release form: averaged weights alone (``half``: as fp16), no trainer state."""
        folder = Path(folder)
        own, averaged = split_average(read_model(self.folder / MODEL)[0])
        weights, meta = own | averaged, read_model(self.folder / MODEL)[1]
        if half:
            names = {name for name, p in self.core.named_parameters() if p.is_floating_point()}
            weights = {n: t.half() if n in names else t for n, t in weights.items()}
        values = self.config.to_dict()
        for key in {"data", "weights"} & values.keys():  # no path of this machine
            values[key] = Path(values[key]).name
        with disk_errors(folder), replace_folder(folder) as draft:
            write_atomic(draft / MODEL, model_bytes(weights, self.config.identity, meta["step"]))
            RunConfig.from_dict(values).write(draft / CONFIG)
            for name in EXPORTED:
                if (self.folder / name).exists():
                    shutil.copy2(self.folder / name, draft / name)
            if (self.folder / PREDICTOR).is_dir():
                shutil.copytree(self.folder / PREDICTOR, draft / PREDICTOR)
        return folder

    def save_domain(self) -> None:
        """Write the state of the domain again, after something was added to it."""
        rows = read_rows(self.folder) if self.data is None else count_rows(self.data)
        write_domain(self.folder, self.domain, self.schema, rows)

    def _finish(self, outcome: Outcome, device: str) -> None:
        assert self.data is not None
        write_keys(self.folder, self.domain, self.data["train"])
        facts = {
            **count_rows(self.data),
            "steps": outcome.step,
            "minutes": outcome.minutes,
            "ended": outcome.reason,
            "device": device,
            "parameters": sum(p.numel() for p in self.core.parameters()),
        }
        write_atomic(self.folder / CARD, write_card(self.folder, self.config, facts).encode())


def _leads() -> bool:
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def _read_run(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).exists():
        raise InputError("there is no run here (no config.toml)", where=str(folder))
    return merged({}, read_config(folder / CONFIG))


def _load_domain(config: RunConfig) -> Domain:
    try:
        return domains.load(config.domain, **config.domain_options)
    except TypeError as error:
        raise InputError(f"the domain {config.domain!r} cannot take this: {error}") from error
