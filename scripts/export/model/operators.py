"""The operators that the networks are written in, for targets that run standard ONNX (CPU among them).

A network is described once (`vae.py`, `unet.py`, `text.py`) in these words; a target brings its own implementation
(`cuda_operators.py`). Activations are NCHW here; another target may keep them NHWC, so a network never reshapes
spatial tensors itself but asks for `to_tokens` and `from_tokens`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlainOperators:
    """PyTorch's own functions, NCHW, which export to standard ONNX operators."""

    def for_pictures(self) -> PlainOperators:
        """The same, for a network whose activations are as large as pictures."""
        return PictureOperators()

    def from_nchw(self, x: Tensor) -> Tensor:
        """[B,C,H,W] → the target's layout of activations."""
        return x

    def to_nchw(self, x: Tensor) -> Tensor:
        """The target's layout → [B,C,H,W]."""
        return x

    def spatial(self, x: Tensor) -> tuple[int, int]:
        """Height and width of an activation."""
        return x.shape[2], x.shape[3]

    def concat_channels(self, tensors: list[Tensor]) -> Tensor:
        return torch.cat(tensors, dim=1)

    def conv(self, conv: nn.Module, x: Tensor) -> Tensor:
        """A `Conv2d`, or a guided one (`lora.py`)."""
        return conv(x)

    def conv_asymmetric(self, conv: nn.Module, x: Tensor) -> Tensor:
        """A stride-2 convolution padded below and to the right only, as the VAE encoder downsamples."""
        return conv(F.pad(x, (0, 1, 0, 1)))

    def linear(self, linear: nn.Module, x: Tensor) -> Tensor:
        return linear(x)

    def group_norm(self, norm: nn.GroupNorm, x: Tensor, silu: bool) -> Tensor:
        """GroupNorm, followed by SiLU where asked."""
        x = norm(x)
        return F.silu(x) if silu else x

    def layer_norm(self, norm: nn.LayerNorm, x: Tensor) -> Tensor:
        return norm(x)

    def attend(self, attention: nn.Module, x: Tensor, context: Tensor | None) -> Tensor:
        """A diffusers `Attention` from tokens [B,N,C] to itself, or to `context` [B,L,D] → [B,N,C]."""
        source = x if context is None else context
        mixed = self.attention(
            self.linear(attention.to_q, x),
            self.linear(attention.to_k, source),
            self.linear(attention.to_v, source),
            attention.heads,
        )
        return self.linear(attention.to_out[0], mixed)

    def attend_causally(self, attention: nn.Module, x: Tensor, heads: int, mask: Tensor) -> Tensor:
        """CLIP's self-attention over [B,L,D], each token seeing only those before it, as `mask` [L,L] says."""
        mixed = self.attention(
            self.linear(attention.q_proj, x),
            self.linear(attention.k_proj, x),
            self.linear(attention.v_proj, x),
            heads,
            mask,
        )
        return self.linear(attention.out_proj, mixed)

    def attention(self, query: Tensor, key: Tensor, value: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
        """Multi-head attention of projected [B,N,C] queries over [B,M,C] keys and values → [B,N,C]."""
        batch, _, width = query.shape
        head_width = width // heads

        def split(x: Tensor) -> Tensor:
            return x.reshape(batch, -1, heads, head_width).transpose(1, 2)

        # Scaling the query instead of the scores saves a pass over [B,heads,N,M].
        scores = split(query * head_width**-0.5) @ split(key).transpose(2, 3)
        if mask is not None:
            scores = scores + mask
        mixed = torch.softmax(scores, dim=-1) @ split(value)
        return mixed.transpose(1, 2).reshape(batch, -1, width)

    def geglu(self, projection: nn.Module, x: Tensor) -> Tensor:
        """The gated feed-forward entrance: half of the projection times GELU of the other half."""
        value, gate = self.linear(projection, x).chunk(2, dim=-1)
        return value * F.gelu(gate)

    def activation(self, name: str, x: Tensor) -> Tensor:
        """CLIP's `hidden_act`: `gelu` or `quick_gelu`."""
        return x * torch.sigmoid(1.702 * x) if name == "quick_gelu" else F.gelu(x)

    def upsample(self, x: Tensor, size: tuple[int, int] | None) -> Tensor:
        """Nearest neighbour: twice the size, or to `size` where a downsampling had rounded up."""
        if size is None:
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.interpolate(x, size=size, mode="nearest")

    def to_tokens(self, x: Tensor) -> Tensor:
        """An activation → [B, H·W, C]."""
        return x.flatten(2).transpose(1, 2)

    def from_tokens(self, tokens: Tensor, like: Tensor) -> Tensor:
        """[B, H·W, C] → an activation with the height and width of `like`."""
        batch, _, width = tokens.shape
        return tokens.transpose(1, 2).reshape(batch, width, like.shape[2], like.shape[3])

    def scale_samples(self, x: Tensor, factor: Tensor) -> Tensor:
        """Multiplies sample b of an activation by `factor[b]`."""
        return x * factor.to(x.dtype).reshape(-1, 1, 1, 1)

    def scale_channels(self, x: Tensor, scale: Tensor) -> Tensor:
        """Multiplies an activation by `scale` [B,C], the same at every place."""
        return x * scale[:, :, None, None]

    def shift_channels(self, x: Tensor, shift: Tensor) -> Tensor:
        """Adds `shift` [B,C] to an activation, the same at every place."""
        return x + shift[:, :, None, None]


class PictureOperators(PlainOperators):
    """With norms that stay exact over a million values.

    A GroupNorm exports to InstanceNormalization, which ONNX Runtime's CPU provider sums up in one go, in float32: on the
    flat areas of a 512×512 drawing its result is off by 1 in 1000, a GroupNorm of PyTorch by 1 in 10 million. Summed row
    by row it is off by 3 in a million, in the same time.
    """

    def group_norm(self, norm: nn.GroupNorm, x: Tensor, silu: bool) -> Tensor:
        batch, channels, _, width = x.shape
        groups = norm.num_groups
        mean = x.mean(3).reshape(batch, groups, -1).mean(2, keepdim=True)
        row = torch.linalg.vector_norm(x, dim=3)
        square = (row * row).reshape(batch, groups, -1).mean(2, keepdim=True) / width
        deviation = torch.sqrt((square - mean * mean).clamp(min=0.0) + norm.eps)
        # One multiplication and one addition over the activation, whatever mean, deviation, weight and bias are.
        factor = norm.weight.reshape(1, groups, -1) / deviation
        shift = norm.bias.reshape(1, groups, -1) - mean * factor
        x = x * factor.reshape(batch, channels, 1, 1) + shift.reshape(batch, channels, 1, 1)
        return F.silu(x) if silu else x
