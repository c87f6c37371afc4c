"""The crystal domain as the framework sees it."""

import csv

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure
from tensordict import TensorDict

from physgan.errors import InputError
from physgan.testing import assert_domain_contract
from physgan_crystal import CrystalDomain
from physgan_crystal import cache as encodings
from physgan_crystal.symmetry import encode

A_SITES, B_SITES = ("Ca", "Sr", "Ba", "La", "K", "Na"), ("Ti", "Zr", "Nb", "Fe", "Mn", "Al")
NOMINAL = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0.5, 0.5]])


def perovskites(n=48):
    random = np.random.default_rng(0)
    found = []
    for row in range(n):
        a, b = A_SITES[row % 6], B_SITES[(row // 6) % 6]
        frac = NOMINAL.copy()
        frac[:, 0] += 0.02 * random.standard_normal(5) * (row > 0)
        edge = 3.9 + 0.2 * random.random()
        found.append(Structure(Lattice.cubic(edge), [a, b, "O", "O", "O"], frac))
    return found


def mixed():
    rock = [Structure.from_spacegroup(225, Lattice.cubic(a), [m, x], [[0] * 3, [0.5] * 3])
            for a, m, x in ((5.6, "Na", "Cl"), (4.2, "Mg", "O"), (6.3, "K", "Cl"))]  # fmt: skip
    zinc = [Structure.from_spacegroup(216, Lattice.cubic(a), [m, x], [[0] * 3, [0.25] * 3])
            for a, m, x in ((5.4, "Zn", "S"), (5.65, "Ga", "As"))]  # fmt: skip
    rutile = [
        Structure.from_spacegroup(
            136, Lattice.tetragonal(4.6, 2.96), [m, "O"], [[0] * 3, [0.305, 0.305, 0]]
        )
        for m in ("Ti", "Sn", "Ru")
    ]
    return [*rock, *zinc, *rutile] * 4


def table(path, structures):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "cif", "gap", "note"])
        for row, structure in enumerate(structures):
            gap = "" if row % 5 == 0 else f"{0.1 * row:.2f}"
            writer.writerow([f"r{row}", structure.to(fmt="cif"), gap, "x"])
    return path


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("perovskites")
    crystals = perovskites()
    table(folder / "train.csv", crystals)
    table(folder / "val.csv", crystals[:12])
    table(folder / "test.csv", crystals[12:20])
    return folder


def test_one_template_keeps_the_contract(splits):
    assert_domain_contract(CrystalDomain(), splits, ("gap", "density"))


def test_many_templates_keep_the_contract(tmp_path):
    table(tmp_path / "train.csv", mixed())
    domain = CrystalDomain(symmetry="detect")
    assert_domain_contract(domain, tmp_path, ("gap", "num_elements"))
    assert len(domain.library) == 3


def test_the_equivariant_backbone_is_an_option(splits):
    domain = CrystalDomain(backbone="equivariant")
    batch = domain.load(splits, "train").batch[:4]
    verdict = domain.critic(0)(batch["x"], torch.zeros(4, 0), batch["given"])
    assert verdict.score.shape == (4,)


def test_exact_properties_are_those_of_pymatgen(splits):
    domain = CrystalDomain()
    data = domain.load(splits, "train", ("density", "num_elements", "volume_per_atom"))
    wanted = {
        "density": [s.density for s in data.context["samples"]],
        "num_elements": [len(s.composition) for s in data.context["samples"]],
        "volume_per_atom": [s.volume / len(s) for s in data.context["samples"]],
    }
    for name, values in wanted.items():
        assert np.allclose(data.batch["y", name], values, rtol=1e-5), name


def test_missing_values_are_unknown_and_rows_keep_their_order(splits):
    data = CrystalDomain().load(splits, "train", ("gap",))
    gap = data.batch["y", "gap"]
    assert torch.isnan(gap[::5]).all() and not torch.isnan(gap[1]).any()
    assert gap[7].item() == pytest.approx(0.7)
    assert data.ids[:3] == ["r0", "r1", "r2"]


def test_a_missing_column_names_those_that_are_there(splits):
    with pytest.raises(InputError, match=r"no property column colour.*gap"):
        CrystalDomain().load(splits, "train", ("colour",))


def test_a_held_out_row_of_an_unseen_template_is_refused_with_that_reason(tmp_path):
    table(tmp_path / "train.csv", mixed()[:3])
    table(tmp_path / "val.csv", mixed()[:8])
    domain = CrystalDomain(symmetry="detect")
    domain.load(tmp_path, "train")
    held = domain.load(tmp_path, "val")
    assert len(held) == 3
    assert all("not in the library" in reason for _, reason in held.refused)


def test_every_sample_has_the_symmetry_of_its_template(splits):
    domain = CrystalDomain()
    data = domain.load(splits, "train")
    torch.manual_seed(0)
    generator = domain.generator(0, latent_dim=8, width=32)
    x = generator(torch.randn(24, 8), torch.zeros(24, 0), TensorDict({}, [24]))
    group = int(domain.library.group[0])
    assert group > 1
    found = [s.get_space_group_info(symprec=1e-4)[1] for s in domain.decode(x) if s is not None]
    assert len(found) == 24 and min(found) >= group
    assert set(x["species"].argmax(-1).flatten().tolist()) <= {
        int(z) for z in data.batch["x", "species"].sum((0, 1)).nonzero()
    }


def test_the_generators_likelihood_prefers_what_it_is_trained_on(splits):
    domain = CrystalDomain()
    batch = domain.load(splits, "train").batch
    torch.manual_seed(0)
    generator = domain.generator(0, latent_dim=4, width=32)
    z, nothing = torch.zeros(len(batch), 4), torch.zeros(len(batch), 0)
    optimiser = torch.optim.Adam(generator.parameters(), lr=3e-3)

    def loss():
        terms = generator.nll(batch["x"], z, nothing, batch["given"])
        return sum(t.mean() for t in terms.values())

    before = loss().item()
    for _ in range(40):
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
    assert loss().item() < before - 5


def test_encodings_are_kept_and_a_damaged_one_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(encodings, "FEWEST", 1)
    crystals, calls = mixed(), []

    def compute():
        calls.append(1)
        return encode(crystals, "detect")

    first = encodings.cached_encoding(crystals, ("detect", 0.1), None, compute)
    again = encodings.cached_encoding(crystals, ("detect", 0.1), None, compute)
    assert len(calls) == 1
    assert again.kept == first.kept and again.library.names == first.library.names
    assert all(torch.equal(again.x[name], first.x[name]) for name in first.x.keys())  # noqa: SIM118
    encodings.cached_encoding(crystals, ("detect", 0.2), None, compute)
    assert len(calls) == 2, "another precision is another encoding"
    for file in tmp_path.rglob("*.safetensors"):
        file.write_bytes(b"torn")
    encodings.cached_encoding(crystals, ("detect", 0.1), None, compute)
    assert len(calls) == 3


def test_evaluation_writes_a_row_per_sample(splits, tmp_path):
    domain = CrystalDomain()
    train, test = (domain.load(splits, name).context["samples"] for name in ("train", "test"))
    file = tmp_path / "rows.csv"
    figures = domain.evaluate(
        [*test, None], test, train=train, rows=file, size=4, draws=2, processes=1, progress=False
    )
    assert figures["n"] == 9 and figures["dataset"] == "perov_5"
    assert figures["struct_valid"] == pytest.approx(100 * 8 / 9)
    assert figures["cov_recall"] == 100 and figures["novel"] == 0
    assert len(file.read_text().splitlines()) == 10


def test_another_models_folder_of_files_is_read(tmp_path):
    for row, structure in enumerate(mixed()[:3]):
        structure.to(filename=str(tmp_path / f"{row}.cif"))
    assert [len(s) for s in CrystalDomain().read_samples(tmp_path)] == [8, 8, 8]
