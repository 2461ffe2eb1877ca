"""Runs a bundle that was trained here as the server does: ONNX Runtime on the CPU, by its manifest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from .tokenizer import encode


class Bundle:
    """A fused bundle's graphs, opened; its tokenizer is one of ours. `threads` is ONNX Runtime's intra-op number."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._options = options
        self._text = self._open(self.manifest["text_encoder"]["path"])
        self._tokenizer = Tokenizer.from_file(str(folder / self.manifest["tokenizer"]["path"]))
        if any("translator" not in d["graphs"] for d in self.manifest["directions"]):
            raise SystemExit(f"{folder} is staged: only fused bundles are evaluated")
        self._translators = {d["id"]: self._open(d["graphs"]["translator"]["path"]) for d in self.manifest["directions"]}

    def _open(self, path: str) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(str(self.folder / path), self._options, providers=["CPUExecutionProvider"])

    @property
    def size_on_disk(self) -> int:
        """Bytes of everything the manifest names."""
        files = [self.manifest["text_encoder"], self.manifest["tokenizer"]]
        files += [graph for d in self.manifest["directions"] for graph in d["graphs"].values()]
        files += [external for graph in files for external in graph.get("external_data", [])]
        return sum(file["bytes"] for file in files)

    def embed(self, prompts: list[str]) -> np.ndarray:
        """float32 [B, L, D]."""
        ids = encode(self._tokenizer, prompts, self.manifest["tokenizer"]["max_length"])
        return self._text.run(None, {"input_ids": ids})[0]

    def noise(self, count: int, side: int, seed: int) -> np.ndarray:
        """float32 [count, C, h, w]: one map for all, so that a comparison differs in what is compared only."""
        latent = self.manifest["latent"]
        rng = np.random.default_rng(seed)
        one = rng.standard_normal((1, latent["channels"], side // latent["downscale"], side // latent["downscale"]))
        return np.repeat(one.astype(np.float32), count, 0)

    def translate(
        self, images: np.ndarray, prompts: list[str], gamma: float = 1.0, seed: int = 1, direction: str | None = None
    ) -> np.ndarray:
        """uint8 [B,H,W,3] conditioning images and B prompts → uint8 [B,H,W,3]."""
        session = self._translators[direction or self.manifest["directions"][0]["id"]]
        feed = {
            "image": images,
            "text_embedding": self.embed(prompts),
            "noise": self.noise(len(images), images.shape[1], seed),
            "gamma": np.full(len(images), gamma, np.float32),
        }
        names = {item.name for item in session.get_inputs()}
        return session.run(None, {key: value for key, value in feed.items() if key in names})[0]


def conditioning(sketch: np.ndarray) -> np.ndarray:
    """A sketch, bool [H,W], as the graph wants it: uint8 [H,W,3], strokes 255 on 0."""
    return np.repeat(sketch[..., None].astype(np.uint8) * 255, 3, 2)
