"""Where noise levels come from: smooth paths, chains, grids."""

from refdiff.schedules import grids
from refdiff.schedules.alpha_paths import LinearVP, Polynomial, SubVP
from refdiff.schedules.betas import (
    betas_along,
    exponential_betas,
    quadratic_betas,
    rescaled_betas,
    sigmoid_betas,
    vp_betas,
)
from refdiff.schedules.chain import Chain, cosine_betas, linear_betas, scaled_linear_betas
from refdiff.schedules.level import Level
from refdiff.schedules.lists import Grid
from refdiff.schedules.log_snr_paths import Laplace, LinearLogSNR, Sigmoid
from refdiff.schedules.schedule import Rates, Schedule, SmoothSchedule
from refdiff.schedules.shifts import SNRShifted, TimeShifted, shift_for_size, shifted_time
from refdiff.schedules.smooth import EDM, VE, VP, Cosine, Flow
from refdiff.schedules.zero_terminal import ZeroTerminal

__all__ = [
    "EDM",
    "VE",
    "VP",
    "Chain",
    "Cosine",
    "Flow",
    "Grid",
    "Laplace",
    "Level",
    "LinearLogSNR",
    "LinearVP",
    "Polynomial",
    "Rates",
    "SNRShifted",
    "Schedule",
    "Sigmoid",
    "SmoothSchedule",
    "SubVP",
    "TimeShifted",
    "ZeroTerminal",
    "betas_along",
    "cosine_betas",
    "exponential_betas",
    "grids",
    "linear_betas",
    "quadratic_betas",
    "rescaled_betas",
    "scaled_linear_betas",
    "shift_for_size",
    "shifted_time",
    "sigmoid_betas",
    "vp_betas",
]
