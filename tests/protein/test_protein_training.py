"""Proteins through the common trainer: conditions are learned, and runs proposed from."""

import csv
import itertools

import numpy as np
import pytest
import torch

from physgan.design import propose
from physgan.equip import fit_run_predictor
from physgan.predictors import PredictorOptions
from physgan.run import Run
from physgan.training.config import RunConfig

TRAINER = {"batch_size": 32, "threads": 1, "warmup_steps": 10, "ema_decay": 0.95, "lr": 3e-3}
SMALL = {"network": {"width": 48, "depth": 1}, "critic_network": {"width": 32, "minibatch": 8}}
PREDICTOR = PredictorOptions(
    members=2, epochs=15, batch_size=64, learning_rate=1e-2, backbone={"width": 32, "kind": "mlp"}
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Peptides of two kinds, rich in K and short or rich in E and long, and four sites."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    with (folder / "kinds.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sequence", "kind"])
        for row in range(600):
            kind, size = ("KE"[row % 2], int(random.integers(9, 12)) + 4 * (row % 2))
            letters = random.choice(list(kind * 6 + "AGLS"), size)
            writer.writerow(["".join(letters), kind])
    with (folder / "sites.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sequence", "fitness"])
        for s in itertools.product("ACDKW", repeat=4):
            writer.writerow(["".join(s), np.exp(s.count("K") + s.count("W") - 2)])
    return folder


def trained(folder, path, core, steps, options, domain, properties):
    torch.set_num_threads(1)
    config = RunConfig.advised(
        {
            "domain": "protein",
            "data": str(path),
            "properties": properties,
            "core": core,
            "domain_options": domain,
            "core_options": {**SMALL, **options},
            "trainer": {**TRAINER, "steps": steps},
        }
    )
    run = Run.start(folder, config)
    if run.core.guided:
        fit_run_predictor(run, PREDICTOR)
    run.train()
    return Run.open(folder)


@pytest.mark.parametrize(
    ("core", "steps", "options"),
    [
        ("vae-gan", 100, {"start": 60, "beta_warmup": 40, "prior": {"transforms": 2}}),
        ("physics-gan", 220, {"spectral_norm": False, "auxiliary": 1.0, "latent_dim": 8}),
    ],
)
def test_a_class_that_is_asked_for_is_made(tmp_path, data, core, steps, options):
    run = trained(tmp_path / "run", data / "kinds.csv", core, steps, options, {}, ["kind"])
    share, size = {}, {}
    for kind in "KE":
        (target,) = _targets(run, f"kind={kind}")
        made = run.domain.decode(run.sample(200, [target]))
        assert None not in made
        share[kind] = np.mean([s.count(kind) / len(s) for s in made])
        size[kind] = np.mean([len(s) for s in made])
    assert min(share.values()) > 0.4
    assert size["E"] > size["K"] + 1.5


def test_a_guided_run_of_four_sites_reaches_what_is_asked(tmp_path, data):
    domain = {"log": {"fitness": 0.01}, "tail": 0.5, "bins": 4}
    options = {"guided": 1.0, "start": 30, "beta_warmup": 30, "prior": {"transforms": 2}}
    run = trained(
        tmp_path / "run", data / "sites.csv", "vae-gan", 150, options, domain, ["fitness"]
    )
    means = []
    for value in (0.14, 1.0, 7.4):
        (target,) = _targets(run, f"fitness={value}")
        made = run.domain.decode(run.sample(300, [target]))
        means.append(np.mean([s.count("K") + s.count("W") for s in made]))
    assert means[0] + 1 < means[1] + 0.5 < means[2]
    found = propose(run, {"fitness": 7.4}, 5, oversample=8, oracle=False, keep_known=True)
    best = found.candidates[0]
    assert set(best.sample) <= set("ACDKW") and best.predicted["fitness"].value > 2
    assert best.predicted["fitness"].low < best.predicted["fitness"].high


def _targets(run, *texts):
    from physgan.design.targets import read_targets

    return read_targets(list(texts), run.schema)
