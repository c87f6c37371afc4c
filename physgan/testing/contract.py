"""The test that every domain passes, built-in or a stranger's, in one line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure
from tensordict import TensorDict
from torch import Tensor

from physgan.conditions import ConditionSchema
from physgan.domain import Domain, Verdict
from physgan.tensors import float_leaves


def assert_domain_contract(
    domain: Domain,
    path: Path | None = None,
    properties: tuple[str, ...] = (),
    batch_size: int = 16,
) -> None:
    """Assert that ``domain`` keeps the contract of physgan.domain on data at ``path``.

    Checks shapes, gradients to every floating leaf, laws (>= 0, zero after their projections,
    one sample's residual independent of the others), the round trip through native objects,
    exact properties, files, pictures, and ``state``/``restore``. Raises AssertionError that says
    which promise is broken.
    """
    data = domain.load(path, "train", properties)
    assert set(data.batch.keys()) == {"x", "y", "given"}, "a batch holds x, y and given"
    assert len(data.ids) == len(data), "one id per row"
    names = {prop.name for prop in domain.properties}
    assert set(properties) <= names, "every property that was asked for is declared"
    batch = data.batch[:batch_size]
    schema = ConditionSchema(domain.properties, data.batch["y"])
    condition = schema(batch["y"])
    assert condition.shape == (len(batch), schema.dim), "conditions have the schema's width"

    _check_networks(domain, batch, condition, schema)
    _check_autoencoder(domain, batch, condition)
    if type(domain).augment is not Domain.augment:
        _check_augmentation(domain, batch["x"])
    _check_laws(domain, batch)
    _check_natives(domain, batch)
    _check_state(domain, batch, condition)


def _check_networks(
    domain: Domain, batch: TensorDict, condition: Tensor, schema: ConditionSchema
) -> None:
    x, given, rows = batch["x"], batch["given"], len(batch)
    generator = domain.generator(schema.dim)
    mean, log_variance = domain.encoder(schema.dim)(x, condition, given)
    wanted = (rows, generator.latent_dim)
    assert mean.shape == log_variance.shape == wanted, "the encoder's latents fit the generator"
    for name, term in generator.nll(x, mean, condition, given).items():
        assert term.shape == (rows,), f"likelihood term {name} is one number per sample"
    fakes = {
        "forward": generator(torch.randn(wanted), condition, given),
        "reconstruct": generator.reconstruct(x, mean, condition, given),
    }
    critic = domain.critic(schema.dim)
    for name, fake in fakes.items():
        assert set(fake.keys(True, True)) == set(x.keys(True, True)), f"{name}: the leaves of x"
        for key in x.keys(True, True):
            assert fake[key].shape == x[key].shape, f"{name}: leaf {key} has the shape of the data"
            assert fake[key].dtype == x[key].dtype, f"{name}: leaf {key} has the data's type"
        verdict = critic(fake, condition, given)
        assert isinstance(verdict, Verdict), "a critic returns a Verdict"
        assert verdict.score.shape == (rows,), "a score is one number per sample"
        assert verdict.features is not None, "a critic gives features"
        assert verdict.features.shape == (rows, critic.feature_dim), "features (B, feature_dim)"
        generator.zero_grad()
        (verdict.score.sum() + verdict.features.sum()).backward(retain_graph=True)
        reached = [p.grad is not None for p in generator.parameters()]
        assert any(reached), f"{name}: the critic's gradient reaches the generator"
    leaf = x.clone().detach()
    floats = [value.requires_grad_(True) for value in float_leaves(leaf).values()]
    score = critic(leaf, condition, given).score
    gradients = torch.autograd.grad(score.sum(), floats, allow_unused=True)
    assert any(g is not None and g.abs().sum() > 0 for g in gradients), "scores depend on x"
    alone = critic(x[:2], condition[:2], given[:2]).score
    together = critic(x, condition, given).score[:2]
    close = torch.allclose(alone, together, atol=1e-4, rtol=1e-4)
    assert close, "a critic judges each sample alone"
    predictor = domain.predictor()
    features = predictor(x, given)
    assert features.shape == (rows, predictor.feature_dim), "a predictor gives (B, feature_dim)"


def _check_autoencoder(domain: Domain, batch: TensorDict, condition: Tensor) -> None:
    critic, x = domain.autoencoder_critic(condition.shape[1]), batch["x"]
    verdict = critic(x, condition, batch["given"])
    assert verdict.score.shape == (len(batch),), "an energy is one number per sample"
    assert bool((verdict.score >= 0).all()), "an energy is not negative"
    assert verdict.features is not None, "an autoencoding critic gives its code as features"
    assert verdict.features.shape == (len(batch), critic.feature_dim), "features (B, feature_dim)"
    back = verdict.reconstruction
    assert back is not None, "an autoencoding critic gives its reconstruction"
    seen = getattr(critic, "prepare", lambda x: x)(x)
    for key, leaf in float_leaves(back).items():
        assert key in float_leaves(seen), "a reconstruction has leaves of x, as it is prepared"
        assert leaf.shape == seen[key].shape, f"reconstruction: leaf {key} has the shape of x"
    leaf = x.clone().detach()
    floats = [value.requires_grad_(True) for value in float_leaves(leaf).values()]
    score = critic(leaf, condition, batch["given"]).score
    gradients = torch.autograd.grad(score.sum(), floats, allow_unused=True)
    assert any(g is not None and g.abs().sum() > 0 for g in gradients), "energies depend on x"
    alone = critic(x[:2], condition[:2], batch["given"][:2]).score
    close = torch.allclose(alone, verdict.score[:2], atol=1e-4, rtol=1e-4)
    assert close, "an autoencoding critic judges each sample alone"


def _check_augmentation(domain: Domain, x: TensorDict) -> None:
    leaf = x.clone().detach()
    floats = [value.requires_grad_(True) for value in float_leaves(leaf).values()]
    turned = domain.augment(leaf)
    assert set(turned.keys(True, True)) == set(x.keys(True, True)), "augment: the leaves of x"
    for key in x.keys(True, True):
        assert turned[key].shape == x[key].shape, f"augment: leaf {key} keeps its shape"
    total = torch.stack([value.sum() for value in float_leaves(turned).values()]).sum()
    gradients = torch.autograd.grad(total, floats, allow_unused=True)
    assert any(g is not None for g in gradients), "augment: gradients reach x"
    for prop in domain.properties:
        if prop.exact is not None:
            kept = torch.allclose(prop.exact(turned), prop.exact(x), rtol=1e-4, atol=1e-4)
            assert kept, f"augment: {prop.name} stays what it was"


def _check_laws(domain: Domain, batch: TensorDict) -> None:
    x, given = batch["x"], batch["given"]
    laws = {penalty.name: penalty for penalty in domain.penalties()}
    assert len(laws) == len(domain.penalties()), "laws have distinct names"
    for law in laws.values():
        residual = law.function(x, given)
        assert residual.shape == (len(batch),), f"{law.name}: one residual per sample"
        assert bool((residual >= 0).all()), f"{law.name}: residuals are not negative"
        assert law.tolerance > 0, f"{law.name}: a tolerance is positive"
        alone = law.function(x[:1], given[:1])
        assert torch.allclose(alone, residual[:1], atol=1e-5), f"{law.name}: samples are apart"
    for projection in domain.projections():
        once = projection.function(x, given)
        again = projection.function(once, given)
        for key, value in float_leaves(once).items():
            same = torch.allclose(value, float_leaves(again)[key], atol=1e-5)
            assert same, f"{projection.name}: projecting twice is projecting once"
        if projection.law in laws:
            left = laws[projection.law].function(once, given)
            assert bool((left <= 1e-5).all()), f"{projection.name}: the law holds afterwards"


def _check_natives(domain: Domain, batch: TensorDict) -> None:
    x = batch["x"]
    natives = domain.decode(x)
    assert len(natives) == len(batch), "decode gives one object or None per row"
    whole = [sample for sample in natives if sample is not None]
    assert whole, "some rows of the training data decode"
    encoded, kept = domain.encode(whole)
    assert encoded.batch_size[0] == len(kept) > 0, "encode says which samples it kept"
    back = domain.decode(encoded)
    for row, place in enumerate(kept):
        assert domain.same(back[row], whole[place]), "decode, encode, decode is the same object"
        assert domain.key(back[row]) == domain.key(whole[place]), "equal objects have equal keys"
    for prop in domain.properties:
        if prop.exact is not None:
            assert prop.exact(x).shape == (len(batch),), f"{prop.name}: one value per sample"
    with tempfile.TemporaryDirectory() as folder:
        names = [f"sample-{i}" for i in range(min(2, len(whole)))]
        files = domain.write(whole[: len(names)], names, Path(folder))
        assert files and all(f.exists() and f.stat().st_size > 0 for f in files), "files exist"
    assert isinstance(domain.draw(whole[0]), Figure), "draw returns a matplotlib Figure"
    assert domain.label(whole[0]), "a sample has a name"


def _check_state(domain: Domain, batch: TensorDict, condition: Tensor) -> None:
    twin = type(domain)()
    twin.restore(domain.state())
    names = [prop.name for prop in domain.properties]
    assert [p.name for p in twin.properties] == names, "restore brings the properties back"
    network, other = domain.critic(condition.shape[1]), twin.critic(condition.shape[1])
    other.load_state_dict(network.state_dict())
    mine = network(batch["x"], condition, batch["given"]).score
    theirs = other(batch["x"], condition, batch["given"]).score
    assert torch.allclose(mine, theirs, atol=1e-5), "a restored domain builds the same networks"
