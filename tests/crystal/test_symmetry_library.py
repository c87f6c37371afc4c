"""The expansion is differentiable and its projections are exact."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from tensordict import TensorDict

from physgan_crystal.symmetry import TemplateLibrary, encode_detect
from physgan_crystal.symmetry.lattice import cell_from_parameters, parameters_from_cells


def _two() -> tuple[TemplateLibrary, TensorDict]:
    rutile = Structure.from_spacegroup(
        136, Lattice.tetragonal(4.6, 2.95), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
    )
    skew = Structure(
        Lattice.from_parameters(4.1, 5.3, 6.2, 83, 97, 105),
        ["Li", "Mn", "O"],
        [[0.1, 0.2, 0.3], [0.45, 0.61, 0.87], [0.71, 0.13, 0.52]],
    )
    encoded = encode_detect([rutile, skew], 0.01)
    return encoded.library, encoded.x


def test_gradients_of_the_expansion() -> None:
    library, x = _two()
    library = library.double()
    leaves = [x[name].double().requires_grad_() for name in ("species", "coord", "lattice")]

    def expand(species: torch.Tensor, coord: torch.Tensor, lattice: torch.Tensor) -> tuple:
        parts = {"template": x["template"], "species": species, "coord": coord, "lattice": lattice}
        atoms = library.expand(TensorDict(parts, batch_size=x.batch_size))
        return atoms["frac"], atoms["species"][..., :30], atoms["cell"]

    assert torch.autograd.gradcheck(expand, leaves, fast_mode=True)


def test_rutile_by_hand() -> None:
    library, x = _two()
    row = int((library.group[x["template"]] == 136).nonzero())
    atoms = library.expand(x)
    frac = atoms["frac"][row][atoms["mask"][row]] % 1.0
    oxygen = frac[atoms["species"][row][atoms["mask"][row]].argmax(-1) == 7]
    u = 0.305
    wanted = torch.tensor([[u, u, 0], [1 - u, 1 - u, 0], [0.5 - u, 0.5 + u, 0.5]])
    for point in wanted:
        gap = ((oxygen - point + 0.5) % 1 - 0.5).abs().amax(-1)
        assert gap.min() < 1e-5
    lengths = atoms["cell"][row].norm(dim=-1)
    torch.testing.assert_close(lengths, torch.tensor([4.6, 4.6, 2.95]))


def test_projection_restores_ties_and_passes_gradients() -> None:
    library, x = _two()
    noisy = x.clone()
    noisy["coord"] = (x["coord"] + 1.75).requires_grad_()
    noisy["lattice"] = (x["lattice"] + 0.1).requires_grad_()
    clean = library.project_lattice(noisy)
    free = library.free[x["template"]]
    assert (clean["coord"][~free] == 0).all()
    assert ((clean["coord"] >= 0) & (clean["coord"] < 1)).all()
    tied = ~library.lattice_free[x["template"]]
    assert torch.equal(clean["lattice"][tied], library.lattice_fixed[x["template"]][tied])
    grad = torch.autograd.grad(clean["coord"].sum() + clean["lattice"].sum(), noisy["coord"])[0]
    assert torch.equal(grad, free.float())
    again = library.project_lattice(clean)
    assert torch.equal(again["coord"], clean["coord"])


def test_state_round_trip() -> None:
    library, x = _two()
    state = library.state()
    again = TemplateLibrary.from_state(state)
    assert again.names == library.names
    assert torch.equal(again.expand(x)["frac"], library.expand(x)["frac"])


@settings(deadline=None, derandomize=True)
@given(
    st.floats(2, 5),
    st.lists(st.floats(-1, 1), min_size=2, max_size=2),
    st.lists(st.floats(-2, 2), min_size=3, max_size=3),
)
def test_any_six_numbers_make_a_cell(
    volume: float, ratios: list[float], cosines: list[float]
) -> None:
    six = torch.tensor([[volume, *ratios, *cosines]], dtype=torch.double, requires_grad=True)
    cell = cell_from_parameters(six, torch.tensor([7.0]).double())
    assert torch.isclose(torch.linalg.det(cell)[0], 7 * torch.tensor(volume).double().exp())
    (grad,) = torch.autograd.grad(cell.sum(), six)
    assert torch.isfinite(grad).all()


def test_parameters_are_the_inverse_of_cells() -> None:
    cell = Lattice.from_parameters(4.1, 5.3, 6.2, 83, 97, 105).matrix
    six = torch.as_tensor(parameters_from_cells(cell[None], [3]))
    back = cell_from_parameters(six, torch.tensor([3.0]))[0].numpy()
    assert abs(back @ back.T - cell @ cell.T).max() < 1e-9
