"""Property predictors: an ensemble of a domain's backbones with conformal intervals."""

from physgan.predictors.conformal import SplitConformal, finite_sample_quantile
from physgan.predictors.ensemble import Prediction, Predictor
from physgan.predictors.fit import calibrate, fit_predictor, measure, predicted_properties
from physgan.predictors.options import PredictorOptions
from physgan.predictors.storage import load_predictor, save_predictor

__all__ = [
    "Prediction",
    "Predictor",
    "PredictorOptions",
    "SplitConformal",
    "calibrate",
    "finite_sample_quantile",
    "fit_predictor",
    "load_predictor",
    "measure",
    "predicted_properties",
    "save_predictor",
]
