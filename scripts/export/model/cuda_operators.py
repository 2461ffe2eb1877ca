"""The operators that ONNX Runtime's CUDA provider is fast at, written straight into the graph.

Activations are NHWC throughout, so that convolutions use tensor cores without a Transpose and tokens are a reshape
away. Pattern matching on an exported graph would have to find all this again, and misses much of what today's
exporter emits; here nothing can be missed. Skip connections are joined to the norms that follow them afterwards
(`fuse_skips.py`), because the sum and the norm are made by different layers.

The modules cannot be run in PyTorch, only exported: `torch.onnx.ops.symbolic` gives zeros.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .lora import GuidedConv2d, GuidedLinear, TwinConv
from .operators import PlainOperators

#: The widths that ONNX Runtime's BiasSplitGelu kernel is built for (contrib_ops/cuda/diffusion/bias_split_gelu.cc).
_SPLIT_GELU_WIDTHS = (2560, 5120, 10240)


def _contrib(op: str, inputs: list[Tensor | None], attributes: dict[str, object], like: Tensor, shape: list[int]) -> Tensor:
    return torch.onnx.ops.symbolic(f"com.microsoft::{op}", tuple(inputs), attributes, dtype=like.dtype, shape=shape, version=1)


class CudaOperators(PlainOperators):
    """Contrib operators, NHWC. Where a kernel's limits do not allow one, the plain operator takes its place."""

    def for_pictures(self) -> CudaOperators:
        return self

    def from_nchw(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)

    def to_nchw(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)

    def spatial(self, x: Tensor) -> tuple[int, int]:
        return x.shape[1], x.shape[2]

    def concat_channels(self, tensors: list[Tensor]) -> Tensor:
        return torch.cat(tensors, dim=3)

    def conv(self, conv: nn.Module, x: Tensor) -> Tensor:
        if isinstance(conv, TwinConv):
            first, second = self.conv(conv.pretrained, x), self.conv(conv.current, x)
            gamma = conv.guide.per_sample(first)
            return first * (1 - gamma) + second * gamma
        if isinstance(conv, GuidedConv2d):
            low = self.conv(conv.down, x)
            return self.conv(conv.base, x) + self.conv(conv.up, low * conv.guide.per_sample(low))
        return self._plain_conv(conv, x, tuple(conv.padding))

    def conv_asymmetric(self, conv: nn.Module, x: Tensor) -> Tensor:
        # cuDNN pads symmetrically only, so the extra row and column are made here.
        return self.conv(conv, F.pad(x, (0, 0, 0, 1, 0, 1)))

    def _plain_conv(self, conv: nn.Conv2d, x: Tensor, padding: tuple[int, int]) -> Tensor:
        batch, height, width, _ = x.shape
        sides = [
            (side + 2 * pad - kernel) // stride + 1
            for side, pad, kernel, stride in zip((height, width), padding, conv.kernel_size, conv.stride, strict=True)
        ]
        attributes = {
            "kernel_shape": list(conv.kernel_size),
            "strides": list(conv.stride),
            "pads": [*padding, *padding],
            "dilations": list(conv.dilation),
            "group": conv.groups,
        }
        # NhwcConv wants its weight as [out,kH,kW,in].
        inputs = [x, conv.weight.permute(0, 2, 3, 1), conv.bias]
        return _contrib("NhwcConv", inputs, attributes, x, [batch, *sides, conv.out_channels])

    def group_norm(self, norm: nn.GroupNorm, x: Tensor, silu: bool) -> Tensor:
        attributes = {"epsilon": norm.eps, "groups": norm.num_groups, "activation": int(silu), "channels_last": 1}
        # The kernel takes its scale and shift in float32 whatever the precision of x.
        inputs = [x, norm.weight.float(), norm.bias.float()]
        return _contrib("GroupNorm", inputs, attributes, x, list(x.shape))

    def attend(self, attention: nn.Module, x: Tensor, context: Tensor | None) -> Tensor:
        heads = attention.heads
        query, key, value = attention.to_q, attention.to_k, attention.to_v
        source = x if context is None else context
        if query.bias is not None if isinstance(query, nn.Linear) else query.base.bias is not None:
            mixed = self._attention_with_bias([query, key, value], x, source, heads, causal=False)
        elif any(isinstance(part, GuidedLinear) for part in (query, key, value)):
            mixed = self._attention(
                self.linear(query, x), self.linear(key, source), self.linear(value, source), None, heads, causal=False
            )
        elif context is None:
            mixed = self._packed_attention([query, key, value], x, heads)
        else:
            packed = self._packed(source, [key, value], heads)
            mixed = self._attention(self.linear(query, x), packed, None, None, heads, causal=False)
        return self.linear(attention.to_out[0], mixed)

    def attend_causally(self, attention: nn.Module, x: Tensor, heads: int, mask: Tensor) -> Tensor:
        parts = [attention.q_proj, attention.k_proj, attention.v_proj]
        return self.linear(attention.out_proj, self._attention_with_bias(parts, x, x, heads, causal=True))

    def _packed(self, x: Tensor, parts: list[nn.Linear], heads: int) -> Tensor:
        """One matrix product for several projections → [B,N,heads,parts,C/heads], as MultiHeadAttention takes them packed."""
        batch, tokens, _ = x.shape
        width = parts[0].out_features
        stacked = torch.stack([part.weight.reshape(heads, width // heads, -1) for part in parts], dim=1)
        flat = stacked.reshape(len(parts) * width, -1)
        return F.linear(x, flat).reshape(batch, tokens, heads, len(parts), width // heads)

    def _packed_attention(self, parts: list[nn.Linear], x: Tensor, heads: int) -> Tensor:
        shape = [x.shape[0], x.shape[1], parts[2].out_features]
        packed = self._packed(x, parts, heads)
        return _contrib("MultiHeadAttention", [packed], {"num_heads": heads}, x, shape)

    def _attention_with_bias(self, parts: list[nn.Module], x: Tensor, source: Tensor, heads: int, causal: bool) -> Tensor:
        """Projections without their bias; the operator adds the three at once."""
        biases = [part.bias if isinstance(part, nn.Linear) else part.base.bias for part in parts]
        products = [self._product(part, tokens) for part, tokens in zip(parts, (x, source, source), strict=True)]
        return self._attention(*products, torch.cat(biases), heads, causal)

    def _attention(
        self, query: Tensor, key: Tensor, value: Tensor | None, bias: Tensor | None, heads: int, causal: bool
    ) -> Tensor:
        attributes = {"num_heads": heads, "unidirectional": int(causal)}
        return _contrib("MultiHeadAttention", [query, key, value, bias], attributes, query, list(query.shape))

    def _product(self, linear: nn.Module, x: Tensor) -> Tensor:
        """A linear layer without its bias."""
        if isinstance(linear, GuidedLinear):
            low = linear.down(x)
            return F.linear(x, linear.base.weight) + linear.up(low * linear.guide.per_sample(low))
        return F.linear(x, linear.weight)

    def geglu(self, projection: nn.Module, x: Tensor) -> Tensor:
        base = projection.base if isinstance(projection, GuidedLinear) else projection
        if base.out_features not in _SPLIT_GELU_WIDTHS:
            return super().geglu(projection, x)
        shape = [*x.shape[:2], base.out_features // 2]
        return _contrib("BiasSplitGelu", [self._product(projection, x), base.bias], {}, x, shape)

    def activation(self, name: str, x: Tensor) -> Tensor:
        if name == "quick_gelu":
            return _contrib("QuickGelu", [x], {"alpha": 1.702}, x, list(x.shape))
        return _contrib("Gelu", [x], {}, x, list(x.shape))

    def upsample(self, x: Tensor, size: tuple[int, int] | None) -> Tensor:
        batch, height, width, channels = x.shape
        if size is not None:
            # Row i comes from row i/2, to whichever side: also where downsampling an odd side had rounded up.
            rows, columns = ((torch.arange(side, dtype=torch.float32) * 0.5).long() for side in size)
            return x.index_select(1, rows).index_select(2, columns)
        # Expand is one pass bound by memory; Resize has no fast path for NHWC.
        doubled = x.reshape(batch, height, 1, width, 1, channels).expand(batch, height, 2, width, 2, channels)
        return doubled.reshape(batch, 2 * height, 2 * width, channels)

    def to_tokens(self, x: Tensor) -> Tensor:
        return x.flatten(1, 2)

    def from_tokens(self, tokens: Tensor, like: Tensor) -> Tensor:
        return tokens.reshape(tokens.shape[0], like.shape[1], like.shape[2], tokens.shape[2])

    def scale_channels(self, x: Tensor, scale: Tensor) -> Tensor:
        return x * scale[:, None, None, :]

    def shift_channels(self, x: Tensor, shift: Tensor) -> Tensor:
        return x + shift[:, None, None, :]
