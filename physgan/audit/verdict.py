"""From figures to plain words: what is wrong with a run, and what to change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from physgan.audit.balance import Balance
from physgan.audit.neighbours import Coverage
from physgan.registry import constants_of
from physgan.regularizers import REGULARIZERS


@dataclass(frozen=True)
class Finding:
    """``good`` or not, what was found, and what to change (empty where nothing is)."""

    good: bool
    text: str
    change: str = ""


def advised(options: Collection[str] | None, *pieces: str | tuple[str, str]) -> str:
    """The pieces of advice as one text; of those that speak of an option, ``(text, option)``, what
    the core has: ``options`` are its names, None all there are."""
    pairs = [(piece, None) if isinstance(piece, str) else piece for piece in pieces]
    told = [text for text, name in pairs if name is None or options is None or name in options]
    if len(told) < 3:
        return " or ".join(told)
    return ", ".join(told[:-1]) + f", or {told[-1]}"


def smoothing(options: Collection[str] | None) -> str:
    """How a critic is made smoother, by the regulariser that the core has in ``options``, of which
    the values are read where they are a mapping."""
    known = options if isinstance(options, Mapping) else {}
    name = known.get("regularizer")
    if not isinstance(name, str):
        return "raise or add a gradient penalty (regularizer), or set spectral_norm"
    constants = constants_of(REGULARIZERS[name])
    strength = next((c for c in ("gamma", "weight") if c in constants), None)
    told = "add a gradient penalty (regularizer r1)"
    if strength is not None:
        told = f"raise the {strength} of the regulariser {name}"
    return told if known.get("spectral_norm") else f"{told}, or set spectral_norm"


def on_balance(b: Balance, options: Collection[str] | None = None) -> list[Finding]:
    """What the critic's figures mean; ``options`` as for ``advised``."""
    told = f"the critic ranks a real sample above a generated one in {b.separation:.0%} of pairs"
    found: list[Finding] = []
    if b.separation > 0.98:
        found.append(
            Finding(
                False,
                f"The critic has won: {told}.",
                "weaken it: "
                + advised(
                    options,
                    "lower critic_lr",
                    ("raise the regulariser (its gamma or weight)", "regularizer_constants"),
                    ("feed it augmented samples (augmentation)", "augmentation"),
                )
                + "; check that generated samples have the form of the data",
            )
        )
    elif b.separation < 0.4:
        found.append(
            Finding(
                False,
                f"The critic is wrong more often than right: {told}.",
                "let it follow: " + advised(options, "raise critic_lr", ("n_critic", "n_critic")),
            )
        )
    elif b.separation < 0.55:
        found.append(
            Finding(
                True,
                f"The critic cannot tell ({told}): the generator has caught up or the critic is "
                "too weak to see; coverage decides which.",
            )
        )
    else:
        found.append(Finding(True, f"The game is balanced: {told}."))
    if b.saturation is not None and b.saturation > 0.5:
        found.append(
            Finding(
                False,
                f"The generator's loss is saturated at {b.saturation:.0%} of its samples: it "
                "learns next to nothing from them.",
                "use an objective whose slope survives (non-saturating, rpgan, wgan)",
            )
        )
    if b.slope_ratio > 20:
        found.append(
            Finding(
                False,
                f"The critic is jagged: one sample in twenty has {b.slope_ratio:.0f} times the "
                "usual gradient.",
                smoothing(options),
            )
        )
    return found


def on_sight(sight: float, options: Collection[str] | None = None) -> list[Finding]:
    """Whether the critic looks at the sample at all; ``options`` as for ``advised``."""
    if sight >= 0.1:
        return []
    return [
        Finding(
            False,
            f"The critic is nearly blind: {1 - sight:.1%} of its score's deviation comes from the "
            "condition, not from the sample. Its other figures say little.",
            "give it "
            + advised(
                options,
                ("more to see (critic_network)", "critic_network"),
                "a higher critic_lr",
                ("a higher n_critic", "n_critic"),
                ("a weaker regulariser", "regularizer_constants"),
                ("a larger weight (adversarial)", "adversarial"),
            ),
        )
    ]


PLAY = "play an objective with a critic (objective, adversarial > 0)"


def on_coverage(
    c: Coverage, spread: float, options: Collection[str] | None = None
) -> list[Finding]:
    """What precision, recall, density, coverage and the spread of samples mean; ``options`` as for
    ``advised``."""
    figures = f"coverage {c.coverage:.2f}, precision {c.precision:.2f}"
    found: list[Finding] = []
    if c.coverage < 0.5 and c.precision >= 0.5:
        found.append(
            Finding(
                False,
                f"Modes are missing: samples look real but cover few of the data ({figures}).",
                advised(
                    options,
                    ("raise the feature matching weight (feature)", "feature"),
                    ("lower the weight adversarial", "adversarial"),
                    "train longer",
                    "use a larger batch",
                    ("play a relativistic objective with r1r2", "objective"),
                ),
            )
        )
    elif c.precision < 0.5:
        found.append(
            Finding(
                False,
                f"Many samples lie where there are no data ({figures}).",
                advised(
                    options,
                    "train longer",
                    ("strengthen the critic (n_critic, critic_network)", "n_critic"),
                    *(() if options is None or "n_critic" in options else (PLAY,)),
                    "propose with a filter",
                ),
            )
        )
    else:
        found.append(Finding(True, f"Samples cover the data ({figures})."))
    if spread < 0.5:
        found.append(
            Finding(
                False,
                f"Samples repeat themselves: their neighbours are {spread:.2f} times as far apart "
                "as those of the data.",
                advised(
                    options,
                    ("a wider latent (latent_dim)", "latent_dim"),
                    ("a lower weight adversarial", "adversarial"),
                    ("a diversity term (feature)", "feature"),
                ),
            )
        )
    return found


def on_attacks(rows: list[dict[str, Any]], options: Collection[str] | None = None) -> list[Finding]:
    """Whether tiny changes make samples pass as real; ``options`` as for ``smoothing``."""
    worst = max(rows, key=lambda row: row["rise"], default=None)
    if worst is None:
        return []
    text = (
        f"Changes of {worst['eps']:.0%} of the data's deviation ({worst['attack']}) raise the "
        f"critic's score by {worst['rise']:.1f} of its deviations"
    )
    gained = worst.get("passed_after", 0.0) - worst.get("passed_before", 0.0)
    if worst["rise"] > 2 or gained > 0.4:
        return [Finding(False, text + ".", "smooth the critic: " + smoothing(options))]
    return [Finding(True, text + ".")]


def on_words(rows: list[dict[str, Any]], options: Collection[str] | None = None) -> list[Finding]:
    """Whether one word everywhere fools the critic; ``options`` as for ``smoothing``."""
    return [
        Finding(
            False,
            f"One word ({row['trigger_word']}) in the same place of every sample raises the "
            f"critic's score by {row['trigger_rise']:.1f} of its deviations ({row['leaf']}).",
            smoothing(options) + ", or make the critic see the whole sample",
        )
        for row in rows
        if row.get("trigger_rise", 0.0) > 2
    ]


def on_predictor(rows: list[dict[str, Any]]) -> list[Finding]:
    """Whether predictions can be trusted near their samples, by the worst attack on each."""
    worst: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = worst.setdefault(row["property"], row)
        worst[row["property"]] = max(known, row, key=_fooled)
    found = []
    for name, row in worst.items():
        what = "leave their own interval" if "left_interval" in row else "change their class"
        text = (
            f"Changes of {row['eps']:.0%} of the data's deviation ({row['attack']}) make "
            f"{_fooled(row):.0%} of the predictions of {name} {what}."
        )
        change = f"fit the predictor with robust={row['eps']:g}" if _fooled(row) > 0.25 else ""
        found.append(Finding(not change, text, change))
    return found


def _fooled(row: dict[str, Any]) -> float:
    return row.get("left_interval", row.get("flipped", 0.0))


def on_translation(figures: dict[str, float]) -> list[Finding]:
    """What round trips and latents of a translation mean (``audit.sides``)."""
    found = []
    for name, value in figures.items():
        limit, good, bad, change = TRANSLATION[name]
        fine = value >= limit if name == "latent" else value <= limit
        found.append(Finding(fine, (good if fine else bad).format(value), "" if fine else change))
    return found


TRANSLATION = {
    "cycle": (
        0.5,
        "A round trip ends {:.2f} of the distance of two samples from where it began.",
        "A round trip does not come back: it ends {:.2f} of the distance of two samples away.",
        "train longer, raise the weight cycle, or lower adversarial",
    ),
    "latent": (
        0.05,
        "The latent matters: it moves a translation {:.2f} as far as another source does.",
        "The latent is ignored: it moves a translation {:.2f} as far as another source does.",
        "raise the weight latent, lower cycle, or play cycle-gan, which has no latent",
    ),
    "recovered": (
        0.8,
        "Latents are read back with {:.2f} of the error of a guess.",
        "Latents are not read back: the error is {:.2f} of that of a guess.",
        "train longer, or raise the weight latent",
    ),
    "prior": (
        0.9,
        "Encoded latents look like the prior ({:.0%} of pairs are told apart).",
        "Encoded latents are not those of the prior ({:.0%} of pairs are told apart).",
        "raise the weight prior",
    ),
}
"""By figure its limit, what is said within and beyond it, and what to change."""


def on_repair(rows: list[dict[str, Any]]) -> list[Finding]:
    """What the repair of the predictor did."""
    found = []
    for row in rows:
        if not row["rows_added"]:
            found.append(Finding(True, f"Nothing had to be repaired ({row['leaf']})."))
            continue
        text = (
            f"The predictor was fitted again beside {row['rows_added']} rows with "
            f"{row['triggers']}: on these it now says {row['gap_after']:+.2f} deviations beside "
            f"the auditor, {row['gap_before']:+.2f} before."
        )
        better = abs(row["gap_after"]) < 0.5 * abs(row["gap_before"])
        change = "" if better else "repair again, or use another network (backbone)"
        found.append(Finding(better, text, change))
    return found
