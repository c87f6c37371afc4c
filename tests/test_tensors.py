import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict

from physgan.tensors import (
    detach_requires_grad,
    float_leaves,
    lerp,
    per_sample_square_norm,
)


def nested(rows: int) -> TensorDict:
    generator = torch.Generator().manual_seed(rows)
    inner = TensorDict({"b": torch.randn(rows, 2, 3, generator=generator)}, batch_size=[rows])
    return TensorDict(
        {
            "a": torch.randn(rows, generator=generator),
            "inner": inner,
            "template": torch.arange(rows),
            "mask": torch.ones(rows, 2, dtype=torch.bool),
        },
        batch_size=[rows],
    )


def test_only_floating_leaves_are_found_at_any_depth() -> None:
    assert set(float_leaves(nested(3))) == {"a", ("inner", "b")}


@settings(deadline=None)
@given(st.integers(1, 6))
def test_norm_is_that_of_the_concatenated_leaves(rows: int) -> None:
    td = nested(rows)
    flat = torch.cat([td["a"].unsqueeze(1), td["inner", "b"].flatten(1)], dim=1)
    torch.testing.assert_close(per_sample_square_norm(td), flat.square().sum(1))


def test_norm_is_taken_in_full_precision() -> None:
    td = TensorDict({"a": torch.full((1, 4), 300.0, dtype=torch.float16)}, batch_size=[1])
    assert per_sample_square_norm(td).item() == 360000.0  # 300^2 overflows fp16


def test_lerp_has_one_weight_per_sample_and_keeps_other_leaves_of_real() -> None:
    real, fake = nested(3), nested(3)
    fake["a"], fake["template"] = fake["a"] + 1, fake["template"] + 7
    fake["inner", "b"] = (fake["inner", "b"] * 2).double()
    mixed = lerp(real, fake, torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(mixed["a"], real["a"] + torch.tensor([1.0, 0.5, 0.0]))
    factor = torch.tensor([2.0, 1.5, 1.0]).reshape(3, 1, 1)
    torch.testing.assert_close(mixed["inner", "b"], real["inner", "b"] * factor)
    assert torch.equal(mixed["template"], real["template"])
    assert mixed["inner", "b"].dtype == torch.float32


def test_detached_copy_is_a_leaf_in_full_precision() -> None:
    td = nested(2)
    td["a"] = td["a"].bfloat16().requires_grad_() * 2
    copy = detach_requires_grad(td)
    assert copy["a"].is_leaf and copy["a"].requires_grad and copy["a"].dtype == torch.float32
    assert not copy["mask"].requires_grad and copy["mask"].dtype == torch.bool
    assert td["a"].grad_fn is not None and td["a"].dtype == torch.bfloat16
