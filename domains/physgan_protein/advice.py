"""Settings that suit proteins, from trials on GB1, peptides and AAV."""

from __future__ import annotations

from typing import Any

SITES = 8
"""Up to so many positions sequences are told apart by plain layers (``networks.trunk.SHORT``)."""


def recommended(*, longest: int | None, edits: bool) -> dict[str, Any]:
    """What ``Domain.recommended`` gives, for a few sites, for peptides, or for ``edits``.

    Where labels are many, ``guided`` 0.7 in a VAE-GAN makes requests more exact; it is off here
    because it needs a predictor first, which ``physgan train`` fits, and the audit afterwards.
    """
    sites = longest is not None and longest <= SITES
    # No spectral norm: with it scores of one-hots stay within a few hundredths of each other.
    common = {
        "objective": "hinge",
        "regularizer": "r1",
        "regularizer_constants": {"gamma": 0.3},
        "regularizer_interval": 4,
        "condition_drop": 0.1,
        "critic_network": {"minibatch": 16},
    }
    vae_gan = {
        **common,
        "latent_dim": 32,
        "network": {"width": 160 if sites else 96},
        "prior": {"transforms": 4},
        "beta": 0.1 if sites else 0.2,
        "beta_warmup": 500,
        "start": 300,
        "interval": 1 if sites else 2,
        # A family's rows are few: the likelihood leads, and the critic only corrects.
        "adversarial": 0.1 if edits else 0.5,
        "feature": 0.0,
        "auxiliary": 0.1,
    }
    kinds = ("mlp", "mlp", "pairs") if sites else ("cnn", "mlp", "cnn")
    return {
        "core": "vae-gan",
        "cores": {
            "vae-gan": vae_gan,
            "physics-gan": {**common, "latent_dim": 32, "auxiliary": 0.5},
        },
        "trainer": {
            "batch_size": 192,
            "lr": 1e-3,
            "critic_lr": 5e-4,
            "betas": [0.5, 0.99],
            "gradient_clip": 1.0,
        },
        "predictor": {
            "members": 5,
            "batch_size": 512 if sites else 128,
            "learning_rate": 2e-3,
            "bagging": True,
            "variants": [
                {"kind": kind, "width": width}
                for kind, width in zip(kinds, (192, 256, 64), strict=True)
            ],
        },
    }
