"""The CLIP text encoder: token ids → the embedding that the UNet attends to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import ExportError
from .operators import PlainOperators


class TextEncoder(nn.Module):
    """ids int64 [B,L] → last hidden state float32 [B,L,D] of a transformers `CLIPTextModel`."""

    def __init__(self, model: nn.Module, operators: PlainOperators) -> None:
        super().__init__()
        # transformers 5 dropped the `text_model` level; older versions have it.
        inner = getattr(model, "text_model", model)
        config = model.config
        if config.hidden_act not in ("gelu", "quick_gelu"):
            raise ExportError(f"the base's text encoder has hidden_act={config.hidden_act!r}; supported are gelu, quick_gelu")
        self.token_embedding = inner.embeddings.token_embedding
        self.position_embedding = inner.embeddings.position_embedding
        self.layers = inner.encoder.layers
        self.final_layer_norm = inner.final_layer_norm
        self.heads = int(config.num_attention_heads)
        self.activation = config.hidden_act
        self.width = int(config.hidden_size)
        self.max_length = int(config.max_position_embeddings)
        self.operators = operators
        # A finite number instead of −inf: exp() of it is zero in fp16 as well, and no NaN can arise.
        mask = torch.full((self.max_length, self.max_length), -1e4).triu(1)
        self.register_buffer("causal_mask", mask, persistent=False)

    def forward(self, input_ids: Tensor) -> Tensor:
        op, length = self.operators, self.max_length
        x = self.token_embedding(input_ids) + self.position_embedding.weight[:length]
        mask = self.causal_mask.to(x.dtype)
        for layer in self.layers:
            attention, mlp = layer.self_attn, layer.mlp
            x = x + op.attend_causally(attention, op.layer_norm(layer.layer_norm1, x), self.heads, mask)
            hidden = op.activation(self.activation, op.linear(mlp.fc1, op.layer_norm(layer.layer_norm2, x)))
            x = x + op.linear(mlp.fc2, hidden)
        return op.layer_norm(self.final_layer_norm, x).float()
