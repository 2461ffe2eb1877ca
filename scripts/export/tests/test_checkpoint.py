"""What a checkpoint says twice is read as the reference reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from export.checkpoint import read_checkpoint


def test_where_both_dicts_have_a_vae_the_decoders_counts(changed: Callable[..., Path]) -> None:
    """The reference loads `sd_vae_enc` into its VAEs, then `sd_vae_dec` into the same two."""
    key = "encoder.conv_norm_out.weight"

    def part(content: dict) -> None:
        for state, value in (("sd_vae_enc", 3.0), ("sd_vae_dec", 5.0)):
            shape = content[state][f"vae_b2a.{key}"].shape
            content[state] = {**content[state], f"vae_b2a.{key}": torch.full(shape, value)}

    vaes = read_checkpoint(changed("cyclegan", part)).vaes
    assert vaes["b2a"].tensors[key].unique().tolist() == [5.0]
    assert not set(vaes["a2b"].tensors[key].tolist()) & {3.0, 5.0}
