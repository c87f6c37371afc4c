"""The contract's check passes a sound domain and names what is wrong with others."""

import pytest
import torch
from heat import POINTS, ConservingHeat, HeatCritic, HeatDomain, HeatStepper
from tensordict import TensorDict

from physgan.autoencoder_critic import AutoencodingCritic
from physgan.domain import Projection, Verdict
from physgan.testing.sequences import assert_sequence_contract


@pytest.mark.parametrize("kind", [HeatDomain, ConservingHeat])
def test_a_sound_domain_passes(kind):
    assert_sequence_contract(kind())


class Forgetful(HeatDomain):
    def begin(self, path, n, seed, **options):
        return super().begin(None, n, seed)


class Gossip(HeatDomain):
    """Rows are shifted by the mean over the batch."""

    def stepper(self, condition_dim, **options):
        class Mixing(HeatStepper):
            def settle(self, prediction, state):
                field = prediction["field"] + prediction["field"].mean()
                return TensorDict({"field": field}, prediction.batch_size)

        return Mixing(self.scale)


class Careless(HeatDomain):
    """The projection names a law that it breaks."""

    def projections(self):
        def shift(x, given):
            return TensorDict({"field": x["field"] + 1}, x.batch_size)

        return (Projection("shift", "drift", shift),)


class Frozen(HeatDomain):
    """Nothing that is learned reaches the error."""

    def stepper(self, condition_dim, **options):
        class Deaf(HeatStepper):
            def error(self, prediction, state, target, given):
                said = super().error(prediction, state, target, given).detach()
                return said + self.unused.sum()

        stepper = Deaf(self.scale)
        stepper.unused = torch.zeros(1, requires_grad=True)
        return stepper


class Torn(HeatDomain):
    """Each leaf of a pair is shifted on its own."""

    def augment(self, x):
        return x.apply(lambda leaf: leaf.roll(int(torch.randint(1, 8, ())), dims=1))


class Coupled(HeatDomain):
    """The critic centres the batch."""

    def critic(self, condition_dim, **options):
        class Centred(HeatCritic):
            def forward(self, x, condition, given):
                verdict = super().forward(x, condition, given)
                return Verdict(verdict.score - verdict.score.mean(), verdict.features)

        return Centred(condition_dim)


class Blind(HeatDomain):
    """The autoencoder of pairs tells of the state after alone."""

    def autoencoder_pair_critic(self, condition_dim, **options):
        class Half(AutoencodingCritic):
            def forward(self, x, condition, given):
                verdict = super().forward(x, condition, given)
                said = verdict.reconstruction.exclude("before")
                return Verdict(verdict.score, verdict.features, said)

        return Half(condition_dim, {("after", "field"): (POINTS,), ("before", "field"): (POINTS,)})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Forgetful, "comes back"),
        (Gossip, "rows do not see"),
        (Careless, "law holds afterwards"),
        (Frozen, "teaches"),
        (Torn, "alike"),
        (Coupled, "do not see others"),
        (Blind, "what it saw"),
    ],
)
def test_a_broken_promise_is_named(kind, said):
    with pytest.raises(AssertionError, match=said):
        assert_sequence_contract(kind())
