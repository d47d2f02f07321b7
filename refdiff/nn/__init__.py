"""Layers with pullbacks, optimizers and averages; nothing in here knows of diffusion."""

from refdiff.nn import rates
from refdiff.nn.activation import GELU, SiLU
from refdiff.nn.attention import CrossAttention, SelfAttention, attend
from refdiff.nn.average import Average, ema
from refdiff.nn.blocks import DiTBlock, ResBlock
from refdiff.nn.compose import Composed, Residual, Reverse, Sequential, Trace
from refdiff.nn.conv import Conv
from refdiff.nn.cross_entropy import cross_entropy
from refdiff.nn.dropout import Dropout
from refdiff.nn.embed import Embedding, Fourier, Sinusoidal
from refdiff.nn.gradcheck import gradient_error, keeps_dtype, layer_errors
from refdiff.nn.group_norm import GroupNorm
from refdiff.nn.layer import Fixed, Layer, Pull
from refdiff.nn.linear import Linear
from refdiff.nn.norm import AdaptiveNorm, LayerNorm, RMSNorm
from refdiff.nn.optim import Optimizer, adam, adamw, clip_by_norm
from refdiff.nn.patches import Patchify, Unpatchify
from refdiff.nn.positions import Rotary, sinusoids_2d
from refdiff.nn.resample import AveragePool, Fold, Unfold, Upsample

__all__ = [
    "GELU",
    "AdaptiveNorm",
    "Average",
    "AveragePool",
    "Composed",
    "Conv",
    "CrossAttention",
    "DiTBlock",
    "Dropout",
    "Embedding",
    "Fixed",
    "Fold",
    "Fourier",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "Linear",
    "Optimizer",
    "Patchify",
    "Pull",
    "RMSNorm",
    "ResBlock",
    "Residual",
    "Reverse",
    "Rotary",
    "SelfAttention",
    "Sequential",
    "SiLU",
    "Sinusoidal",
    "Trace",
    "Unfold",
    "Unpatchify",
    "Upsample",
    "adam",
    "adamw",
    "attend",
    "clip_by_norm",
    "cross_entropy",
    "ema",
    "gradient_error",
    "keeps_dtype",
    "layer_errors",
    "rates",
    "sinusoids_2d",
]
