"""The peer's model: the checkpoint the bundle was exported from, put into its base, as a PyTorch module."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoTokenizer

from export.assemble import assemble_paired
from export.base import load_text_encoder, open_base
from export.checkpoint import PairedCheckpoint, read_checkpoint
from export.model.operators import PlainOperators


class TorchOperators(PlainOperators):
    """With PyTorch's fused attention, as diffusers calls it."""

    def attention(self, query: Tensor, key: Tensor, value: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
        batch, _, width = query.shape
        split = [x.reshape(batch, -1, heads, width // heads).transpose(1, 2) for x in (query, key, value)]
        mixed = F.scaled_dot_product_attention(*split, attn_mask=mask)
        return mixed.transpose(1, 2).reshape(batch, -1, width)

    def for_pictures(self) -> TorchOperators:
        # PyTorch's own norms are exact: `PictureOperators` is for ONNX Runtime's.
        return self


#: Prompts whose embeddings are kept: more than any load here has.
_PROMPTS_KEPT = 256


class PeerModel:
    """One picture in, one picture out, batch of one.

    Embeddings of prompts are kept, as our server keeps them, unless a call says to `encode` the prompt anew, as the reference's
    script does for every picture.
    """

    def __init__(self, base: Path, checkpoint: Path, conditioning: str, device: str, compiled: bool) -> None:
        opened = open_base(str(base))
        read = read_checkpoint(checkpoint)
        if not isinstance(read, PairedCheckpoint):
            raise SystemExit("the peer runs pix2pix-Turbo checkpoints only")
        preparation = "binary" if conditioning == "sketch" else "unit"
        assembly = assemble_paired(read, opened, TorchOperators(), preparation)
        self.device = torch.device(device)
        # The reference runs fp16 on a GPU where told to, and fp32 on a CPU.
        self.dtype = torch.float16 if self.device.type == "cuda" else torch.float32
        for part in (assembly.encoder, assembly.unet, assembly.decoder):
            part.to(self.device, self.dtype)
        self.tokenizer = AutoTokenizer.from_pretrained(str(opened.path / "tokenizer"), local_files_only=True)
        encoder = load_text_encoder(opened, TorchOperators()).to(self.device, self.dtype)
        self.max_length = encoder.max_length
        self.stochastic = assembly.stochastic
        self.latent_channels, self.downscale = assembly.latent_channels, assembly.downscale
        fused: nn.Module = assembly.fused
        self.text_encoder = torch.compile(encoder) if compiled else encoder
        self.translate = torch.compile(fused) if compiled else fused
        self.embed = lru_cache(_PROMPTS_KEPT)(self._encode)

    def _encode(self, prompt: str) -> Tensor:
        """→ float32 [1,L,D]."""
        ids = self.tokenizer(
            prompt, max_length=self.max_length, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        return self.text_encoder(ids.to(self.device))

    @torch.inference_mode()
    def run(self, pixels: np.ndarray, prompt: str, seed: int, gamma: float, encode: bool = False) -> np.ndarray:
        """uint8 [H,W,3] conditioning image → uint8 [H,W,3] picture."""
        text = self._encode(prompt) if encode else self.embed(prompt)
        height, width = pixels.shape[0] // self.downscale, pixels.shape[1] // self.downscale
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, self.latent_channels, height, width, generator=generator)
        inputs: list[Tensor] = [torch.from_numpy(pixels)[None], text, noise]
        if self.stochastic:
            inputs.append(torch.tensor([gamma]))
        return self.translate(*(item.to(self.device) for item in inputs))[0].cpu().numpy()
