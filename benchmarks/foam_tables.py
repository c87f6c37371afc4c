"""What the README's tables of foams show of results/foam.json: key, title and format."""

from __future__ import annotations

COARSENING = {
    "surrogate_von_neumann_slope_error": ("von Neumann slope off by, %", ".1f"),
    "surrogate_von_neumann_r2": ("its R2", ".3f"),
    "surrogate_mean_sides": ("mean sides", ".3f"),
    "mu2_error": ("mu2 off by", ".2f"),
    "ks_area": ("KS of A/<A>", ".3f"),
    "bubble_count_error": ("bubble count off by, %", ".1f"),
    "bubble_count_error_each": ("of single runs, %", ".1f"),
    "area_error_max": ("total area off by", ".1g"),
}
MEASURED = {
    "solver_von_neumann_slope_error": ("solver: von Neumann slope off by", ".2f"),
    "solver_von_neumann_r2": ("solver: its R2", ".4f"),
    "solver_identity_error_beta1": ("solver: sum of squares off by, beta 1", ".2f"),
    "solver_identity_error_beta01": ("solver: the same, beta 0.1", ".2f"),
    "solver_area_error": ("solver: largest relative error of the total area", ".1g"),
    "solver_angle_deviation": ("solver: angles at junctions off 120 degrees, mean", ".2f"),
    "solver_laplace_r2_beta01": ("solver: R2 of Laplace's law, beta 0.1", ".3f"),
    "solver_pn_l1": ("solver: p(n), L1 distance from the table, 3,000 bubbles", ".3f"),
    "solver_seconds_beta1": ("solver: 1000 to 130 bubbles on 256 x 256, beta 1", ".1f"),
    "surrogate_seconds_beta1": ("the same by rollout", ".2f"),
    "solver_seconds_beta01": ("solver: 1000 to 130 bubbles on 256 x 256, beta 0.1", ".1f"),
    "surrogate_seconds_beta01": ("the same by rollout", ".2f"),
    "speedup_front_tracking_beta1": ("rollout over front tracking, beta 1", ".2f"),
    "speedup_front_tracking_beta01": ("rollout over front tracking, beta 0.1", ".1f"),
    "speedup_front_tracking_beta01_one_thread": ("the same on one thread", ".1f"),
    "speedup_batch_front_tracking_beta01": ("the same, four at a time", ".1f"),
    "break_even_front_tracking_beta01": ("runs after which training has paid, beta 0.1", ".0f"),
    "speedup_phase_field": ("rollout over the phase field, beta 1", ".0f"),
    "stable_horizons": ("a rollout stays sound for", ".1f"),
    "train_minutes": ("training time", ".0f"),
}
