"""Settings that suit proteins, from trials on GB1, peptides and AAV."""

from __future__ import annotations

from typing import Any


def recommended(*, edits: bool) -> dict[str, Any]:
    """What ``Domain.recommended`` gives; ``edits`` of a reference want less of the critic."""
    common = {
        "objective": "hinge",
        "regularizer": "r1",
        "regularizer_constants": {"gamma": 1.0},
        "regularizer_interval": 4,
        "spectral_norm": True,
        "condition_drop": 0.1,
        "critic_network": {"minibatch": 16},
    }
    vae_gan = {
        **common,
        "latent_dim": 32,
        "beta": 0.2,
        "beta_warmup": 1000,
        "start": 500,
        "adversarial": 0.1 if edits else 0.5,
        "feature": 0.0,
        "auxiliary": 0.1,
    }
    return {
        "core": "vae-gan",
        "cores": {
            "vae-gan": vae_gan,
            "physics-gan": {**common, "latent_dim": 64, "auxiliary": 0.5},
        },
        "trainer": {
            "batch_size": 128,
            "lr": 1e-3,
            "critic_lr": 5e-4,
            "betas": [0.5, 0.99],
            "gradient_clip": 1.0,
        },
        "predictor": {
            "members": 5,
            "batch_size": 256,
            "bagging": True,
            "variants": [{"kind": "cnn"}, {"kind": "mlp"}, {"kind": "cnn", "width": 64}],
        },
    }
