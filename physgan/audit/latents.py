"""The same latents through the weights of different times: a collapse seen, not counted."""

from __future__ import annotations

from typing import Any

from tensordict import TensorDict

from physgan.run import Run
from physgan.training.checkpoint import MODEL, Checkpoints, read_model, thinned

BEST = "best.safetensors"


def fixed_latents(
    run: Run, n: int = 6, seed: int = 0, most: int = 6, given: TensorDict | None = None
) -> list[tuple[str, list[Any]]]:
    """``n`` native samples (None where one does not decode) for each set of weights in the folder
    of ``run``, from the same random numbers: ``[(label, samples)]``, earliest first, the best
    before the last.

    ``given (n,)`` is what the generator gets and does not make, by default what ``run`` asks for.
    At most ``most`` earlier weights, spread over the training; the run has its final weights again
    afterwards.
    """
    if n < 1:
        return []
    weights = [(f"step {step}", name) for step, name in kept_weights(run, most)]
    if (run.folder / BEST).exists():
        step = read_model(run.folder / BEST)[1]["step"]
        weights.append((f"best, step {step}", BEST))
    weights.append(("final", MODEL))
    found = []
    try:
        for label, name in weights:
            run.load_weights(name)
            found.append((label, run.domain.decode(run.sample(n, seed=seed, given=given))))
    finally:
        run.load_weights(MODEL)
    return found


def kept_weights(run: Run, most: int) -> list[tuple[int, str]]:
    """Step and file of at most ``most`` of the weights that ``run`` kept, spread over its training,
    earliest first."""
    kept = Checkpoints(run.folder, run.config.identity).weights()
    steps = thinned(list(kept), most)
    return [(step, str(kept[step].relative_to(run.folder))) for step in steps]
