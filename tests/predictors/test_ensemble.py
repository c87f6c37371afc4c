import math
import time

import pytest
import torch
from rectangles import NOISE, Rectangles, strength
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.errors import InputError
from physgan.predictors import (
    PredictorOptions,
    fit_predictor,
    load_predictor,
    measure,
    predicted_properties,
    save_predictor,
)
from physgan.predictors.fit import check_rows, ranking
from physgan.predictors.member import beta_nll

OPTIONS = PredictorOptions(
    members=2, epochs=40, batch_size=128, learning_rate=5e-3, ema=0.97, hidden=32
)


@pytest.fixture(scope="module")
def domain():
    return Rectangles()


@pytest.fixture(scope="module")
def data(domain):
    return {split: domain.load(None, split).batch for split in ("train", "val", "test")}


@pytest.fixture(scope="module")
def schema(domain, data):
    return ConditionSchema(domain.properties, data["train"]["y"])


@pytest.fixture(scope="module")
def predictor(domain, schema, data):
    torch.set_num_threads(1)
    return fit_predictor(domain, schema, data["train"], data["val"], OPTIONS)


def test_exact_properties_are_left_to_their_formula(domain, schema, predictor):
    assert [p.name for p in predicted_properties(domain, schema)] == ["strength", "shape"]
    assert predictor.names == ["strength", "shape"]


def test_held_out_error_coverage_and_accuracy(predictor, data):
    figures = measure(predictor, data["test"])["properties"]
    # E|noise| = NOISE * E[width] * sqrt(2 / pi) is the error of the perfect predictor.
    perfect = NOISE * 1.05 * math.sqrt(2 / math.pi)
    assert perfect * 0.9 < figures["strength"]["mae"] < perfect * 1.25
    assert abs(figures["strength"]["coverage"] - 0.9) < 0.035
    assert figures["shape"]["accuracy"] > 0.96
    assert set(predictor.report["properties"]) == {"strength", "shape"}


def test_spread_finds_the_noise_that_grows_with_the_width(predictor):
    side = torch.stack([torch.linspace(0.3, 1.9, 9), torch.full((9,), 1.0)], dim=1)
    x = TensorDict({"side": side}, batch_size=9)
    mean, spread = predictor.predict(x)
    assert mean.shape == spread.shape == (9, 2)
    assert float((mean[:, 0] - strength(side)).abs().max()) < 0.1
    assert float(spread[-1, 0] / spread[0, 0]) > 1.5


def test_saved_and_loaded_predictor_says_the_same(predictor, domain, data, tmp_path):
    folder = save_predictor(predictor, tmp_path / "predictor")
    again = load_predictor(domain, folder)
    x = data["test"]["x"][:50]
    first, second = predictor.predict(x), again.predict(x)
    assert torch.equal(first.mean, second.mean) and torch.equal(first.spread, second.spread)
    for a, b in zip(predictor.interval(first, 0.8), again.interval(second, 0.8), strict=True):
        assert torch.equal(a.nan_to_num(), b.nan_to_num())
    assert again.report == predictor.report
    assert sorted(p.name for p in folder.iterdir()) == ["predictor.json", "predictor.safetensors"]


def test_mean_is_differentiable_in_the_sample(predictor):
    side = torch.tensor([[1.2, 0.7]], requires_grad=True)
    mean, _ = predictor(TensorDict({"side": side}, batch_size=1))
    (gradient,) = torch.autograd.grad(mean.sum(), side)
    torch.testing.assert_close(gradient, torch.tensor([[2.4, 1.0]]), atol=0.25, rtol=0)


def test_rows_without_a_label_are_masked(domain, schema, data):
    options = PredictorOptions(members=1, epochs=2, hidden=8)
    train = data["train"][:200].clone()
    train["y", "strength"][:100] = float("nan")
    train["y", "shape"][50:] = -1
    half = fit_predictor(domain, schema, train, data["val"], options)
    assert torch.isfinite(half.predict(data["test"]["x"]).mean).all()
    expected = train["y", "strength"][100:].mean()
    torch.testing.assert_close(half.center, expected.reshape(1))


def test_same_seed_same_predictor(domain, schema, data):
    options = PredictorOptions(members=1, epochs=2, hidden=8)
    first, second = (
        fit_predictor(domain, schema, data["train"], data["val"], options) for _ in range(2)
    )
    x = data["test"]["x"]
    assert torch.equal(first.predict(x).mean, second.predict(x).mean)


def test_time_limit_ends_the_fit(domain, schema, data):
    begun = time.monotonic()
    options = PredictorOptions(members=3, epochs=100_000, patience=100_000, time_limit=1.5)
    predictor = fit_predictor(domain, schema, data["train"], data["val"], options)
    assert time.monotonic() - begun < 4.0
    assert len(predictor.members) == 3


def test_beta_nll_limits():
    mean, target = torch.tensor([0.0]), torch.tensor([2.0])
    log_variance = torch.tensor([math.log(4.0)])
    expected = 0.5 * (math.log(4.0) + 1.0)
    assert math.isclose(float(beta_nll(mean, log_variance, target, 0.0)), expected, rel_tol=1e-6)
    mean.requires_grad_(True)
    (gradient,) = torch.autograd.grad(beta_nll(mean, log_variance, target, 1.0).sum(), mean)
    assert math.isclose(float(gradient), -2.0, rel_tol=1e-6)  # that of squared error / 2


def test_a_property_without_labels_is_refused(domain, schema, data):
    train = data["train"].clone()
    train["y", "strength"].fill_(float("nan"))
    with pytest.raises(InputError, match="strength"):
        fit_predictor(domain, schema, train, data["val"])


def test_no_predictor_in_the_folder(domain, tmp_path):
    with pytest.raises(InputError, match="no trained predictor"):
        load_predictor(domain, tmp_path)


def test_too_few_rows_are_told_before_any_member_is_trained(domain, schema, data, monkeypatch):
    monkeypatch.setattr("physgan.predictors.fit.fit_member", lambda *a, **k: pytest.fail("trained"))
    for rows, least in ((38, "needs 20"), (1, "needs 20")):
        with pytest.raises(InputError, match=least):
            fit_predictor(domain, schema, data["train"], data["val"][:rows], OPTIONS)
    check_rows(predicted_properties(domain, schema), data["train"], data["val"][:40])


def test_one_row_has_no_variance_to_explain_and_warns_of_nothing(predictor, data, recwarn):
    figures = measure(predictor, data["test"][:1])["properties"]["strength"]
    assert figures["rows"] == 1 and math.isnan(figures["r2"]) and figures["mae"] >= 0
    assert not [w for w in recwarn if "degrees of freedom" in str(w.message)]


def told(predictor, batch, labels):
    y = TensorDict({**dict(batch["y"].items()), "strength": labels}, [len(batch)])
    found = ranking(predictor, TensorDict({**dict(batch.items()), "y": y}, [len(batch)]))
    return found["strength"]


def test_held_out_rows_are_ranked_or_not(predictor, data):
    batch = data["test"][:50]
    assert predictor.report["properties"]["strength"]["rank_correlation"] > 0.8
    said = predictor.predict(batch["x"]).mean[:, 0]
    assert told(predictor, batch, said.exp())["rank_correlation"] == pytest.approx(1)
    assert told(predictor, batch, said)["rank_chance"] < 1e-9
    assert told(predictor, batch, -said) == pytest.approx(
        {"rank_correlation": -1, "rank_chance": 1}
    )
    unknown = torch.full((50,), torch.nan)
    for labels in (unknown, torch.ones(50)):
        assert told(predictor, batch, labels) == {"rank_correlation": 0.0, "rank_chance": 1.0}
