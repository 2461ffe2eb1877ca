"""One random base, its checkpoints, and the bundles exported from them, made once for all tests."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.cli import main
from export.random_init import ARCHITECTURES, write_base, write_checkpoint
from export.verify import run_graphs

#: As published, the VAE's rank is 4 (so LoRA scales by 2), and the UNet's differs from PEFT's alpha too.
SHAPE = replace(ARCHITECTURES["tiny"], rank_vae=4, rank_unet=4)
PROMPTS = ["a red bird", "a photo of a boat in the rain, night", "", "driving in the day"]


@dataclass(frozen=True)
class Bundle:
    """An exported bundle, and a way to run it."""

    path: Path

    @property
    def manifest(self) -> dict:
        return json.loads((self.path / "manifest.json").read_text())

    def graphs(self, direction: str | None = None) -> dict[str, Path]:
        """A direction's graphs by name; the first one's where none is named."""
        directions = {entry["id"]: entry["graphs"] for entry in self.manifest["directions"]}
        graphs = directions[direction or next(iter(directions))]
        return {name: self.path / graph["path"] for name, graph in graphs.items()}

    def run(self, feeds: dict[str, torch.Tensor], direction: str | None = None) -> np.ndarray:
        """→ image uint8 [B,H,W,3]. A deterministic bundle gets no gamma."""
        manifest = self.manifest
        wanted = {name: value.numpy() for name, value in feeds.items() if name != "gamma" or manifest["stochastic"]}
        return run_graphs(self.graphs(direction), manifest["layout"], wanted)


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> None:
    torch.set_num_threads(2)


@pytest.fixture
def full_disk() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """A limit on the size of files stands in for the disk: the system refuses the write in the same way."""

    @contextlib.contextmanager
    def filled() -> Iterator[None]:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            signal.signal(signal.SIGXFSZ, previous)

    return filled


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    write_base(folder, SHAPE, seed=11)
    return folder


@pytest.fixture(scope="session")
def checkpoints(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    paths = {kind: folder / f"{kind}.pkl" for kind in ("sketch", "edge", "cyclegan")}
    for kind, path in paths.items():
        write_checkpoint(path, base, SHAPE, kind, seed=12)
    return paths


@pytest.fixture
def changed(checkpoints: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """A checkpoint after a change to its content."""

    def change(kind: str, edit: Callable[[dict], None]) -> Path:
        content = torch.load(checkpoints[kind], weights_only=True)
        edit(content)
        torch.save(content, tmp_path / "changed.pkl")
        return tmp_path / "changed.pkl"

    return change


@pytest.fixture(scope="session")
def export(base: Path, checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bundle]:
    """Exports by the command line, each combination of arguments once."""
    models = tmp_path_factory.mktemp("models")
    made: dict[tuple[str, ...], Bundle] = {}

    def export_once(kind: str, *arguments: str) -> Bundle:
        key = (kind, *arguments)
        if key not in made:
            out = models / f"{kind}-{len(made)}"
            words = ["--checkpoint", str(checkpoints[kind]), "--base", str(base), "--out", str(out), *arguments]
            assert main(words) == 0
            made[key] = Bundle(out)
        return made[key]

    return export_once


@pytest.fixture(scope="session")
def feeds(base: Path) -> Callable[[int, int, int], dict[str, torch.Tensor]]:
    """Inputs for a batch of up to four: drawings, prompts, noise of different seeds, gammas 0, 0.3, 0.7, 1."""
    from .reference import text_embedding

    embedding = text_embedding(base, PROMPTS)

    def make(height: int, width: int, batch: int = 4) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(height * 10_000 + width)
        coarse = torch.rand(batch, 3, height // 8, width // 8, generator=generator)
        image = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
        image[:, :, height // 3 : height // 3 + 3, width // 4 : -width // 4] = 1.0
        return {
            "image": (image * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous(),
            "text_embedding": embedding[:batch].contiguous(),
            "noise": torch.randn(batch, 4, height // 8, width // 8, generator=generator),
            "gamma": torch.tensor([0.0, 0.3, 0.7, 1.0])[:batch],
        }

    return make
