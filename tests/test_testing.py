"""The contract test accepts a domain that keeps it and names the promise that is broken."""

import pytest
import torch

from physgan.domain import Penalty
from physgan.testing import GaussianRing, assert_domain_contract


def test_the_gaussian_ring_keeps_the_contract():
    assert_domain_contract(GaussianRing(rows=64))


def test_its_density_integrates_to_one():
    axis = torch.linspace(-1.5, 1.5, 601)
    density = GaussianRing().log_density(torch.cartesian_prod(axis, axis)).exp()
    assert density.sum().item() * (3 / 600) ** 2 == pytest.approx(1.0, abs=1e-4)


def test_a_negative_residual_is_found():
    class Broken(GaussianRing):
        def penalties(self):
            return (Penalty("less", "1", 0.1, lambda x, given: x["point"].sum(1) - 10),)

        def projections(self):
            return ()

    with pytest.raises(AssertionError, match="not negative"):
        assert_domain_contract(Broken(rows=64))


def test_a_critic_that_couples_its_batch_is_found():
    class Coupled(GaussianRing):
        def critic(self, condition_dim, **options):
            network = super().critic(condition_dim)
            network.body.append(torch.nn.BatchNorm1d(64))
            return network

    with pytest.raises(AssertionError, match="alone"):
        assert_domain_contract(Coupled(rows=64))
