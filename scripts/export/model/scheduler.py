"""The one denoising step, folded into two constants."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import ExportError
from .unet import TIMESTEP


@dataclass(frozen=True)
class OneStep:
    """x0 = sample_weight · x − noise_weight · ε."""

    sample_weight: float
    noise_weight: float

    def __call__(self, x: Tensor, epsilon: Tensor) -> Tensor:
        return self.sample_weight * x - self.noise_weight * epsilon


def one_step(config: dict[str, object]) -> OneStep:
    """The step from timestep 999 to 0 of a diffusers scheduler config (DDPM; epsilon prediction).

    The reference reads a base's config as a DDPMScheduler's, whatever class it names: what it does not say is that class's
    default. Raises ExportError for schedules other than SD's `scaled_linear` and `linear`, and for other predictions.
    """
    steps = int(config.get("num_train_timesteps", 1000))
    start, end = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
    for key in ("trained_betas", "rescale_betas_zero_snr"):
        if config.get(key):
            raise ExportError(f"the base's scheduler has {key}={config[key]!r}, which is not supported")
    schedule = config.get("beta_schedule", "linear")
    if schedule == "scaled_linear":
        betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
    elif schedule == "linear":
        betas = torch.linspace(start, end, steps, dtype=torch.float64)
    else:
        raise ExportError(f"the base's scheduler has beta_schedule={schedule!r}; scaled_linear and linear are supported")
    prediction = config.get("prediction_type", "epsilon")
    if prediction != "epsilon":
        raise ExportError(f"the base's scheduler has prediction_type={prediction!r}; only epsilon is supported")
    if config.get("clip_sample", True) or config.get("thresholding"):
        raise ExportError(
            "the base's scheduler clips samples, which the one-step translator does not: its config must say "
            "clip_sample=false (a DDPMScheduler clips where nothing is said)"
        )
    if steps <= TIMESTEP:
        raise ExportError(f"the base's scheduler has {steps} timesteps; the model is asked for timestep {TIMESTEP}")
    alpha = float(torch.cumprod(1.0 - betas, dim=0)[TIMESTEP])
    return OneStep(1.0 / math.sqrt(alpha), math.sqrt(1.0 - alpha) / math.sqrt(alpha))
