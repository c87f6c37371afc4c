"""What every sequence domain must keep, as one call in its test."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores.stepper_gan import StepperGAN
from physgan.cores.window import before, whole
from physgan.errors import InputError
from physgan.sequences import SequenceDomain, frames_of
from physgan.tensors import float_leaves

ROWS = 4


def assert_sequence_contract(
    domain: SequenceDomain, path: Path | None = None, **network: Any
) -> None:
    """Assert that ``domain`` keeps the contract of ``physgan.sequences`` on its training data.

    Windows have the leaves of a state; a pass gives a state again, under the projections with the
    laws that they name; errors and laws are one number a row; rows do not see each other; what is
    watched has a row each; critics and augmentation, where there are any, take what is seen of
    states and of pairs; a restored domain builds the same network; states go out and back.
    """
    batch = domain.load(path, "train").batch
    assert len(batch) >= 2, "the training data have two windows at least"
    rows = batch[torch.linspace(0, len(batch) - 1, min(ROWS, len(batch))).long()]
    names = {p.name for p in domain.properties}
    assert names <= set(rows["y"].keys()), "y has every property"
    state = before(rows)
    assert _leaves(state) == _leaves(rows["x"]), "x has the leaves of a state"
    assert frames_of(rows) >= 1
    torch.manual_seed(0)
    schema = ConditionSchema(domain.properties, batch["y"])
    core = StepperGAN(domain, schema, network=network)
    core.eval()
    _check_pass(core, rows)
    _check_rows(core, rows)
    _check_critics(domain, core, rows)
    _check_augmentation(domain, core, rows)
    y = {name: rows["y", name] for name in names}
    pace = domain.pace(state, y)
    assert bool((pace.elapsed > 0).all()) and len(pace.elapsed) == len(rows), "time goes on"
    after, _ = core.advance(state, pace.y)
    for seen in (domain.watch(state, None, y, None), domain.watch(after, state, pace.y, pace.elapsed)):  # fmt: skip  # noqa: E501
        assert seen, "something is watched"
        for name, watched in seen.items():
            assert watched.value.shape == (len(rows),), f"{name}: a value for each row"
    picture = domain.picture(state[:1])
    assert picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
    _check_natives(domain, state)
    twin = type(domain)()
    twin.restore(domain.state())
    assert {p.name for p in twin.properties} == names, "restore brings the properties back"
    twin.stepper(schema.dim, **network).load_state_dict(core.stepper.state_dict())


def _check_pass(core: StepperGAN, rows: TensorDict) -> None:
    window = whole(rows, 1)
    given = window.given(window.state, 0)
    # Projections without gradients stay outside training.
    core.train()
    (made,) = core._unroll(window)
    error = core.stepper.error(made.projected, made.state, window.truth[1], given)
    assert error.shape == (len(rows),) and bool(error.isfinite().all()), "an error for each row"
    gradients = torch.autograd.grad(error.sum(), list(core.stepper.parameters()), allow_unused=True)
    assert any(g is not None for g in gradients), "the error teaches the stepper"
    assert _leaves(made.after) == _leaves(made.state), "a pass leads to a state"
    for name, law in core.penalties.items():
        residual = law.function(made.said, given)
        assert residual.shape == (len(rows),) and bool((residual >= 0).all()), name
    laws = core.penalties
    core.eval()
    with torch.no_grad():
        (made,) = core._unroll(window)
    for projection in core.projections:
        if projection.law in laws:
            left = laws[projection.law].function(made.projected, given)
            tolerance = laws[projection.law].tolerance
            assert bool((left <= tolerance).all()), f"{projection.name}: the law holds afterwards"
    seen, foreseen = (
        core.stepper.seen(made.after),
        core.stepper.foreseen(made.projected, made.state),
    )
    assert _leaves(seen) == _leaves(foreseen), "critics see real and made states alike"
    assert float_leaves(seen), "critics see floating numbers"


def _check_rows(core: StepperGAN, rows: TensorDict) -> None:
    y = rows["y"]
    torch.manual_seed(1)
    together, _ = core.advance(before(rows[:1]), y[:1])
    torch.manual_seed(1)
    doubled = torch.cat([rows[:1], rows[-1:]])
    if core.stepper.noise(before(rows[:1])) is None:
        apart, _ = core.advance(before(doubled), doubled["y"])  # type: ignore[arg-type]
        for name, leaf in float_leaves(together).items():
            other = float_leaves(apart)[name][:1]
            assert torch.allclose(leaf, other, atol=1e-4), f"{name}: rows do not see each other"


def _check_critics(domain: SequenceDomain, core: StepperGAN, rows: TensorDict) -> None:
    condition, nothing = core.schema(rows["y"]), TensorDict({}, [len(rows)])
    state = core.stepper.seen(before(rows))
    for kind, x in (
        (domain.critic, state),
        (domain.autoencoder_critic, state),
        (domain.pair_critic, _pair(state)),
        (domain.autoencoder_pair_critic, _pair(state)),
    ):
        try:
            critic = kind(core.schema.dim)
        except InputError:
            continue
        verdict = critic(x, condition, nothing)
        named = f"{kind.__name__}: "
        assert verdict.score.shape == (len(rows),), named + "a score for each row"
        alone = critic(x[:1], condition[:1], nothing[:1]).score
        assert torch.allclose(alone, verdict.score[:1], atol=1e-4), named + "rows do not see others"
        if verdict.reconstruction is not None:
            assert bool((verdict.score >= 0).all()), named + "energies are not negative"
            assert _leaves(verdict.reconstruction) == _leaves(x), named + "it says what it saw"


def _check_augmentation(domain: SequenceDomain, core: StepperGAN, rows: TensorDict) -> None:
    pair = _pair(core.stepper.seen(before(rows)))
    try:
        changed = domain.augment(pair)
    except InputError:
        return
    assert _leaves(changed) == _leaves(pair), "augmentation keeps the leaves"
    halves = [float_leaves(changed[name]) for name in ("before", "after")]  # type: ignore[arg-type]
    for key, leaf in halves[0].items():
        assert torch.equal(leaf, halves[1][key]), "both states of a pair are changed alike"


def _pair(state: TensorDict) -> TensorDict:
    return TensorDict({"before": state, "after": state.clone()}, [len(state)])


def _check_natives(domain: SequenceDomain, state: TensorDict) -> None:
    natives = domain.decode(state)
    assert len(natives) == len(state) and all(n is not None for n in natives)
    with tempfile.TemporaryDirectory() as folder:
        (file, *_) = domain.write(natives[:1], ["state"], Path(folder))
        assert file.stat().st_size > 0
        back = domain.begin(file, 1, 0)
    assert _leaves(back) == _leaves(state), "a state that was written can be begun from"
    again = domain.decode(back)
    assert domain.same(again[0], natives[0]), "it comes back as it was"


def _leaves(td: TensorDict) -> set[Any]:
    return set(td.keys(include_nested=True, leaves_only=True))
