import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from rectangles import Rectangle, Rectangles, Run

from physgan.conditions import ConditionSchema
from physgan.design import hash_keys
from physgan.predictors import PredictorOptions, fit_predictor


@pytest.fixture(scope="session")
def predictor():
    torch.set_num_threads(1)
    domain = Rectangles()
    train, val = (domain.load(None, split).batch for split in ("train", "val"))
    schema = ConditionSchema(domain.properties, train["y"])
    options = PredictorOptions(
        members=2, epochs=20, batch_size=256, learning_rate=1e-2, ema=0.95, hidden=32
    )
    return domain, schema, fit_predictor(domain, schema, train, val, options)


@pytest.fixture
def run(predictor, tmp_path):
    domain, schema, model = predictor
    folder = tmp_path / "run"
    folder.mkdir()
    training = [Rectangle(0.3, 0.3)]
    np.save(folder / "train_keys.npy", hash_keys(domain, training))
    np.save(folder / "train_fingerprints.npy", domain.fingerprint(training))
    return Run(domain, schema, model, folder)
