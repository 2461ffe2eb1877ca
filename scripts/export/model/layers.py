"""The layers that diffusers' UNet and VAE are made of, run in a target's operators.

The functions take diffusers' own modules as holders of weights and names; how they compute is written here, because
the target decides it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .operators import PlainOperators


def run_resnet(op: PlainOperators, resnet: nn.Module, x: Tensor, shift: Tensor | None = None) -> Tensor:
    """A `ResnetBlock2D`. `shift` [B,E] is projected, and added per channel or made the second norm's scale and shift.

    Without one, a timestep's contribution must have been folded into `conv1.bias` (`unet.fold_timestep`).
    """
    hidden = op.conv(resnet.conv1, op.group_norm(resnet.norm1, x, silu=True))
    if shift is None:
        hidden = op.group_norm(resnet.norm2, hidden, silu=True)
    elif resnet.time_embedding_norm == "scale_shift":
        scale, offset = op.linear(resnet.time_emb_proj, shift).chunk(2, dim=-1)
        hidden = op.shift_channels(op.scale_channels(op.group_norm(resnet.norm2, hidden, silu=False), 1 + scale), offset)
        hidden = F.silu(hidden)
    else:
        hidden = op.shift_channels(hidden, op.linear(resnet.time_emb_proj, shift))
        hidden = op.group_norm(resnet.norm2, hidden, silu=True)
    hidden = op.conv(resnet.conv2, hidden)
    shortcut = x if resnet.conv_shortcut is None else op.conv(resnet.conv_shortcut, x)
    total = shortcut + hidden
    return total if resnet.output_scale_factor == 1.0 else total / resnet.output_scale_factor


def run_attention_block(op: PlainOperators, attention: nn.Module, x: Tensor) -> Tensor:
    """The VAE's self-attention over pixels: an `Attention` with a group norm and a residual connection."""
    tokens = op.to_tokens(op.group_norm(attention.group_norm, x, silu=False))
    mixed = op.attend(attention, tokens, None)
    total = op.from_tokens(mixed, x) + x
    return total if attention.rescale_output_factor == 1.0 else total / attention.rescale_output_factor


def run_transformer(op: PlainOperators, transformer: nn.Module, x: Tensor, text: Tensor) -> Tensor:
    """A `Transformer2DModel` over an activation, attending to `text` [B,L,D]."""
    linear = transformer.use_linear_projection
    hidden = op.group_norm(transformer.norm, x, silu=False)
    tokens = (
        op.linear(transformer.proj_in, op.to_tokens(hidden)) if linear else op.to_tokens(op.conv(transformer.proj_in, hidden))
    )
    for block in transformer.transformer_blocks:
        tokens = _run_transformer_block(op, block, tokens, text)
    hidden = (
        op.from_tokens(op.linear(transformer.proj_out, tokens), x)
        if linear
        else op.conv(transformer.proj_out, op.from_tokens(tokens, x))
    )
    return hidden + x


def _run_transformer_block(op: PlainOperators, block: nn.Module, x: Tensor, text: Tensor) -> Tensor:
    x = op.attend(block.attn1, op.layer_norm(block.norm1, x), None) + x
    x = op.attend(block.attn2, op.layer_norm(block.norm2, x), text) + x
    # diffusers' FeedForward: net[0] is GEGLU, net[1] dropout, net[2] the way back.
    return op.linear(block.ff.net[2], op.geglu(block.ff.net[0].proj, op.layer_norm(block.norm3, x))) + x


def pool_text(op: PlainOperators, addition: nn.Module, text: Tensor) -> Tensor:
    """A `TextTimeEmbedding`: text [B,L,D] pooled by an attention whose query is its mean → [B,E]."""
    pool = addition.pool
    tokens = op.layer_norm(addition.norm1, text)
    # As a product, which runs for each sample alone. ONNX Runtime adds up a ReduceMean over [1,L,D] in another order than over
    # [2,L,D], and a picture would depend on the batch that it rode in.
    length = tokens.shape[1]
    mean = tokens.new_full((1, 1, length), 1 / length) @ tokens
    query = mean + pool.positional_embedding.to(tokens.dtype)
    source = torch.cat([query, tokens], dim=1)
    pooled = op.attention(
        op.linear(pool.q_proj, query), op.linear(pool.k_proj, source), op.linear(pool.v_proj, source), pool.num_heads
    )
    return op.layer_norm(addition.norm2, op.linear(addition.proj, pooled[:, 0]))
