"""The terrain domain keeps the contract, and its formulas and laws have known values."""

import math

import numpy as np
import pytest
import torch
from tensordict import TensorDict

from physgan import cores
from physgan.conditions import ConditionSchema
from physgan.errors import InputError
from physgan.testing import assert_domain_contract
from physgan_terrain import TerrainDomain, exact
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.hollows import fill_depth, pit_depth
from physgan_terrain.laws import SlopeCut, SlopeLaw


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Sixty tiles of 64 cells of two classes, rough and smooth."""
    rng = np.random.default_rng(0)
    i, j = np.mgrid[:64, :64] / 64
    waves = [np.sin(2 * np.pi * (a * i + b * j + c)) for a, b, c in rng.uniform(0, 3, (60, 3))]
    rough = np.array([400 + (300 if n % 2 else 60) * w for n, w in enumerate(waves)])
    rough += rng.normal(0, 2, rough.shape)
    path = tmp_path_factory.mktemp("terrain") / "tiles.npz"
    np.savez(
        path, n=np.rint(rough / 0.5).astype(np.uint16), step=0.5, offset=np.zeros(60), cell=90.0,
        label=np.array(["hills", "mountain"] * 30), split=np.array(["train"] * 40 + ["val"] * 20),
    )  # fmt: skip
    return path


def tilted(down, right, size=64):
    i, j = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (down * i + right * j).float()[None, None]


def test_the_contract_holds(archive, monkeypatch):
    monkeypatch.setattr("physgan_terrain.domain.EMBEDDED", archive)
    assert_domain_contract(TerrainDomain())


def test_a_latent_that_fills_no_coarse_cells_is_one_clear_error(archive, monkeypatch):
    monkeypatch.setattr("physgan_terrain.domain.EMBEDDED", archive)
    domain = TerrainDomain()
    domain.load(None, "train")
    with pytest.raises(InputError, match=r"latent_dim is 32.*set latent_dim to 256"):
        domain.generator(4, latent_dim=32)


def test_a_plane_has_its_relief_slope_and_integral():
    z = tilted(30.0, 40.0)
    assert exact.relief(z).item() == pytest.approx(63 * 70)
    assert exact.hypsometric_integral(z).item() == pytest.approx(0.5, abs=1e-4)
    assert exact.mean_slope(z, 100.0).item() == pytest.approx(
        math.degrees(math.atan(0.5)), abs=1e-3
    )


def test_the_spectral_exponent_is_that_of_the_field():
    k = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None])
    k[0, 0] = np.inf
    noise = np.fft.fft2(np.random.default_rng(0).normal(size=(40, 256, 256)))
    fields = np.fft.ifft2(noise * k**-1.5).real[:, :64, :64]
    found = exact.beta(torch.from_numpy(fields)[:, None])
    assert found.mean().item() == pytest.approx(3.0, abs=0.1)


def test_the_steepest_edge_is_the_limit_that_a_tile_keeps():
    z = torch.randn(3, 1, 32, 32, dtype=torch.double) * 50
    limit = exact.steepest_edge(z, 90.0)
    x, at = TensorDict({"height": z}, [3]), TensorDict({"limit": limit + 1e-3}, [3])
    below = TensorDict({"limit": limit - 0.1}, [3])
    assert not SlopeLaw(90.0)(x, at).any() and (SlopeLaw(90.0)(x, below) > 0).all()
    torch.testing.assert_close(SlopeCut(90.0)(x, at)["height"], z, atol=2e-3, rtol=0)
    cut = SlopeCut(90.0)(x, below)
    assert not SlopeLaw(90.0)(cut, below).any() and (cut["height"] != z).any()
    assert not SlopeLaw(90.0)(x, TensorDict({}, [3])).any()


def test_a_pit_counts_by_its_depth():
    z = tilted(1.0, 0.0, 16)
    assert not pit_depth(z).any()
    deep = z.clone()
    deep[0, 0, 8, 8] -= 5.0
    found = pit_depth(deep)
    squares = [(deep[:, :, 1:] - deep[:, :, :-1]), deep[..., 1:] - deep[..., :-1]]
    step = torch.stack([s.square().mean() for s in squares]).mean().add(1e-4).sqrt()
    # Its lowest neighbour stands a row above: 7, against 3.
    assert found.item() == pytest.approx((4 / 14**2) / step.item(), rel=1e-4)


def test_filling_counts_the_water_over_a_tile():
    assert not fill_depth(tilted(1.0, 0.0, 32)).any()
    pond = torch.zeros(2, 1, 16, 16)
    pond[0, 0, 4:8, 4:8] = -3.0
    pond[1, 0, 4:8, 4:8] = -3.0
    pond[1, 0, :4, 5] = -2.0  # an outlet, above the floor
    expected = torch.tensor([16 * 3.0, 16 * 1.0]) / 16**2 / 3.0
    torch.testing.assert_close(fill_depth(pond), expected)


def test_variation_keeps_what_the_properties_say(archive):
    domain = TerrainDomain()
    batch = domain.load(archive, "train").batch
    varied = domain.vary(batch, torch.Generator().manual_seed(0))
    again = domain.vary(batch, torch.Generator().manual_seed(0))
    assert torch.equal(varied["x", "height"], again["x", "height"])
    height = varied["x", "height"]
    assert not torch.equal(height, batch["x", "height"])
    torch.testing.assert_close(varied["y", "relief"], exact.relief(height))
    torch.testing.assert_close(varied["y", "class"], batch["y", "class"])
    assert not SlopeLaw(90.0)(varied["x"], varied["given"]).any()


def test_classes_are_drawn_evenly(archive):
    data = TerrainDomain().load(archive, "train")
    assert data.weights is not None
    index = data.batch["y", "class"]
    for c in index.unique():
        assert data.weights[index == c].sum().item() == pytest.approx(0.5)


def test_a_folder_of_maps_is_cut_and_split_by_place(tmp_path):
    rng = np.random.default_rng(1)
    for name in ("hills", "plain"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", rng.normal(100, 5, (70, 260)).astype(np.float32))
    domain = TerrainDomain(cell=30.0)
    train, held = domain.load(tmp_path, "train"), domain.load(tmp_path, "val")
    assert len(train) == 6 and len(held) == 2
    assert {i.rsplit(":", 1)[1] for i in held.ids} == {"192"}
    assert domain.cell == 30.0 and train.context["labels"].count("plain") == 3
    with pytest.raises(InputError, match="no property"):
        domain.load(tmp_path, "train", ("steepness",))


def test_shipped_tiles_are_cut_to_the_size_asked_for():
    whole, parts = (TerrainDomain(tile=tile).load(None, "train") for tile in (64, 32))
    assert len(parts) == 4 * len(whole) == len(set(parts.ids))
    z, cut = (data.batch["x", "height"][:, 0] for data in (whole, parts))
    for n, (i, j) in enumerate([(0, 0), (0, 32), (32, 0), (32, 32)]):
        assert torch.equal(cut[4 + n], z[1, i : i + 32, j : j + 32])
        assert parts.ids[4 + n] == f"{whole.ids[1]}:{i}:{j}"
    assert parts.context["labels"][4:8] == [whole.context["labels"][1]] * 4
    for tile in (96, 128):
        with pytest.raises(InputError, match=r"cannot be cut .*domain.tile=32 or domain.tile=64"):
            TerrainDomain(tile=tile).load(None, "train")


def test_networks_fit_tiles_of_another_size():
    domain = TerrainDomain(tile=32)
    data = domain.load(None, "train")
    batch = data.batch[:4]
    schema = ConditionSchema(domain.properties, data.batch["y"])
    for name, advice in domain.recommended()["cores"].items():
        core = cores.build(name, domain, schema, **advice)
        for turn in core.turns(lambda: batch, 500):
            assert all(loss.value.isfinite() for loss in turn.losses)
        x = core.sample(schema(batch["y"]), batch["given"])
        assert x["height"].shape == (4, 1, 32, 32)


def test_cells_of_another_size_are_refused(archive, tmp_path):
    domain = TerrainDomain()
    domain.load(archive, "train")
    np.save(tmp_path / "a.npy", np.zeros((64, 256), np.float32))
    domain.cell_option = 30.0
    with pytest.raises(InputError, match="trained on 90 m"):
        domain.load(tmp_path, "val")


def test_bad_options_and_archives_are_named(tmp_path):
    with pytest.raises(InputError, match="multiple of 32"):
        TerrainDomain(tile=50)
    with pytest.raises(InputError, match="nodata"):
        TerrainDomain(nodata="keep")
    (tmp_path / "x.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="no archive of tiles"):
        TerrainDomain().load(tmp_path / "x.npz", "train")


def test_native_samples_come_back(archive):
    domain = TerrainDomain()
    domain.load(archive, "train")
    x = domain.load(archive, "val").batch["x"]
    samples = domain.decode(x)
    back, kept = domain.encode([*samples, Heightmap(np.zeros((9, 9)), 90.0)])
    assert kept == list(range(len(x))) and torch.equal(back["height"], x["height"])
    assert domain.same(samples[0], samples[0]) and not domain.same(samples[0], samples[1])
