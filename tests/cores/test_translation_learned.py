"""Games between two domains, played to their end with linear translators on Gaussian clouds."""

import torch
from tensordict import TensorDict
from torch import nn

from physgan.cores import AugmentedCycleGAN, CycleGAN
from physgan.cores.cycle_gan import mean_l1
from physgan.pair import Pair
from physgan.testing import GaussianRing


class LinearMaker(nn.Module):
    """x -> W (x, z) + v."""

    def __init__(self, latent_dim):
        super().__init__()
        self.linear = nn.Linear(2 + latent_dim, 2)

    def forward(self, x, given, target_given, z):
        both = torch.cat([x["point"], z], dim=1)
        return TensorDict({"point": self.linear(both)}, x.batch_size)


class LinearReader(nn.Module):
    """a, b -> W (a, b) + v."""

    def __init__(self, latent_dim):
        super().__init__()
        self.linear = nn.Linear(4, latent_dim)

    def forward(self, x_a, given_a, x_b, given_b):
        return self.linear(torch.cat([x_a["point"], x_b["point"]], dim=1))


class Cloud(GaussianRing):
    """N(mean, scale^2) in the plane, without a limit, that others are translated to linearly."""

    def __init__(self, mean=(0.0, 0.0), scale=1.0):
        super().__init__(modes=1, rows=512, limit=1e9)
        self.centres, self.sigma = torch.tensor([mean]), scale

    def translator(self, source, latent_dim, **options):
        return LinearMaker(latent_dim)


def learn(core, pair, steps, rate):
    """The pair's data, after training on it at a rate that falls to zero at the end."""
    data, draws = pair.load(None, "train").batch, torch.Generator().manual_seed(1)
    optimisers = {
        n: torch.optim.Adam(net.parameters(), betas=(0.5, 0.9)) for n, net in core.players.items()
    }
    for step in range(steps):
        rows = data[torch.randint(len(data), (64,), generator=draws)]
        for turn in core.turns(lambda rows=rows: pair.vary(rows, draws), step):
            core.zero_grad(set_to_none=True)
            for place, loss in enumerate(turn.losses):
                inputs = [p for n in loss.players for p in core.players[n].parameters()]
                loss.value.backward(inputs=inputs, retain_graph=place + 1 < len(turn.losses))
            for name in turn.step:
                optimisers[name].param_groups[0]["lr"] = rate * min(1, 2 - 2 * step / steps)
                optimisers[name].step()
    return data


def test_an_affine_translation_is_learned():
    """N((0, 0), 0.5) to N((0.8, -0.4), 0.35): mean and deviation of the translated rows."""
    torch.manual_seed(0)
    pair = Pair(Cloud(scale=0.5), Cloud((0.8, -0.4), 0.35))
    core = CycleGAN(pair, cycle=1.0, regularizer_interval=2, regularizer_constants={"gamma": 0.1})
    data = learn(core, pair, steps=300, rate=4e-2)
    given = TensorDict({"x": data["x"], "given": data["given"]}, data.batch_size)
    made = core.sample(torch.zeros(len(data), 0), given)
    there, back = made["b", "point"], made["a", "point"]
    assert torch.allclose(there.mean(0), torch.tensor([0.8, -0.4]), atol=0.1)
    assert torch.allclose(back.mean(0), torch.zeros(2), atol=0.1)
    assert torch.allclose(there.std(0), torch.tensor(0.35), atol=0.1)
    assert torch.allclose(back.std(0), torch.tensor(0.5), atol=0.1)
    assert core.validation_loss(data)["cycle"] < 0.1


def test_the_augmented_game_learns_to_recover_the_latent():
    """b = a + z with a, z = N(0, 1): linear maps close both cycles, and training finds some."""
    torch.manual_seed(0)
    pair = Pair(Cloud(), Cloud(scale=2**0.5))
    core = AugmentedCycleGAN(pair, latent_dim=2, latent=2.0, regularizer="none", pool=0)
    core.encoder_a, core.encoder_b = LinearReader(2), LinearReader(2)

    @torch.no_grad()
    def errors(x, given):
        """Of a's round trip and of the latent that it took, means per coordinate."""
        made, z = core.forth(x, given, "a")
        again, opened = core.read(x, made, given, "a")
        home = core.translate(made, given, "ba", opened)
        return mean_l1(home, x).item(), (again - z).abs().mean().item()

    fresh = pair.load(None, "val").batch
    x, given = fresh["x", "a"], fresh["given"]
    assert min(errors(x, given)) > 0.5
    learn(core, pair, steps=150, rate=3e-2)
    assert max(errors(x, given)) < 0.01
    z = torch.randn(2, len(x), 2)
    one, two = (core.translate(x, given, "ab", each)["point"] for each in z)
    assert (one - two).abs().mean() > 0.5, "the output varies with z"
