"""What a bundle is exported for: the provider's operators, and the precision of weights and of computing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from .model.operators import PlainOperators


@dataclass(frozen=True)
class Target:
    """`cpu` computes in fp32 whatever the precision of its weights; `cuda` computes in the precision it is stored in."""

    provider: Literal["cpu", "cuda"]
    precision: Literal["fp32", "fp16"]

    @property
    def label(self) -> str:
        """Names the folder of shared files that fit."""
        return f"{self.provider}-{self.precision}"

    @property
    def dtype(self) -> torch.dtype:
        """The precision that the modules have when they are exported."""
        return torch.float16 if self.provider == "cuda" and self.precision == "fp16" else torch.float32

    @property
    def half_storage(self) -> bool:
        """Whether weights are stored in fp16 and cast back to fp32."""
        return self.provider == "cpu" and self.precision == "fp16"

    @property
    def fuse(self) -> bool:
        """Whether the graph is made of contrib operators, to be fused further."""
        return self.provider == "cuda"

    @property
    def reference(self) -> Target:
        """What a graph is compared with: PyTorch cannot run contrib operators, so plain ones in fp32 say what they must give."""
        return Target("cpu", "fp32") if self.fuse else self

    def operators(self) -> PlainOperators:
        """The operators to write the networks in."""
        if self.provider == "cuda":
            from .model.cuda_operators import CudaOperators

            return CudaOperators()
        return PlainOperators()
