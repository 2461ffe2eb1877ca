"""Writes a bundle: graphs, shared files, verification, manifest; under its name only when all of it stands."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .assemble import Assembly, assemble_paired, assemble_unpaired
from .base import Base
from .checkpoint import Half, PairedCheckpoint, UnpairedCheckpoint
from .description import Description, Direction
from .errors import ExportError
from .files import file_entry, folder_aside
from .fuse_skips import count_operators
from .graphs import smallest_latent, translator_plans
from .progress import told_while
from .shared import SharedParts, ensure_shared
from .target import Target
from .to_onnx import check_graph, export_graph
from .verify import Closeness, verify_direction

Log = Callable[[str], None]
_PREPARATION = {"sketch": "binary", "edge": "unit", "image": "unit"}


@dataclass(frozen=True)
class Order:
    """What to export and where to."""

    checkpoint: PairedCheckpoint | UnpairedCheckpoint
    base: Base
    out: Path
    layout: str
    target: Target
    description: Description
    replace: bool = False


@dataclass
class Report:
    """What was done, for the summary."""

    out: Path
    bytes_by_file: dict[str, int] = field(default_factory=dict)
    #: The text encoder and tokenizer, which other bundles on the base use too.
    shared: list[Path] = field(default_factory=list)
    closeness: dict[str, Closeness] = field(default_factory=dict)
    operators: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: float = 0.0


def write_bundle(order: Order, log: Log) -> Report:
    """Exports, verifies and installs a bundle. Raises ExportError; then nothing is left at `order.out`."""
    started = time.monotonic()
    report = Report(order.out)
    order.out.parent.mkdir(parents=True, exist_ok=True)
    with folder_aside(order.out, order.replace) as folder:
        with told_while(log, f"text encoder and tokenizer of {order.base.name}"):
            shared = ensure_shared(order.base, order.out.parent / "shared", order.target)
        report.shared = [*shared.text_encoder, shared.tokenizer]
        directions, sizes = [], None
        common: dict[str, Graph] = {}
        for direction in order.description.directions:
            entry, sizes = _write_direction(order, direction, folder, shared, common, report, log)
            directions.append(entry)
        if sizes is None:
            raise ExportError("a bundle needs at least one direction")
        manifest = order.description.manifest(order.layout, order.target, directions, _shared_entries(shared, folder), sizes)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    report.seconds = time.monotonic() - started
    return report


@dataclass(frozen=True)
class Graph:
    """A graph that was written, and its entry in the manifest."""

    path: Path
    entry: dict[str, object]


#: What no direction changes: CycleGAN-Turbo has a VAE for each and one UNet for both.
_COMMON_GRAPHS = ("unet",)


@dataclass(frozen=True)
class Sizes:
    """What the manifest says of latents and of picture sizes."""

    latent_channels: int
    downscale: int
    #: Shortest side in pixels.
    min_side: int


def _write_direction(
    order: Order,
    direction: Direction,
    folder: Path,
    shared: SharedParts,
    common: dict[str, Graph],
    report: Report,
    log: Log,
) -> tuple[dict[str, object], Sizes]:
    """Exports a direction's graphs and compares them with PyTorch. `common` holds the graphs of all directions."""
    log(f"{direction.id}: putting the checkpoint's weights into {order.base.name}")
    assembly = assemble(order, direction, order.target)
    least = smallest_latent(assembly) * assembly.downscale
    sizes = Sizes(assembly.latent_channels, assembly.downscale, max(64, least))
    order.description.check_size(sizes.downscale, sizes.min_side)
    graphs = _export_graphs(assembly, order, direction, folder, shared, common, report, log)
    paths = {name: graph.path for name, graph in graphs.items()}
    with told_while(log, f"{direction.id}: comparing ONNX Runtime with PyTorch"):
        if order.target.reference != order.target:
            del assembly
            assembly = assemble(order, direction, order.target.reference)
        report.closeness[direction.id] = verify_direction(assembly, paths, order.layout, shared.embedding, order.target)
    return direction.entry({name: graph.entry for name, graph in graphs.items()}), sizes


def _export_graphs(
    assembly: Assembly,
    order: Order,
    direction: Direction,
    folder: Path,
    shared: SharedParts,
    common: dict[str, Graph],
    report: Report,
    log: Log,
) -> dict[str, Graph]:
    """Writes those of a direction's graphs that `common` does not hold, and gives them all by name."""
    graphs: dict[str, Graph] = {}
    several = len(order.description.directions) > 1
    for name, plan in translator_plans(assembly, shared.embedding, order.layout).items():
        if name in common:
            graphs[name] = common[name]
            continue
        own = several and name not in _COMMON_GRAPHS
        path = folder / (f"{direction.id}.{name}.onnx" if own else f"{name}.onnx")
        started = time.monotonic()
        with told_while(log, f"{direction.id}: exporting {path.name}"):
            files = export_graph(
                plan.module, plan.inputs, plan.outputs, path, half_storage=order.target.half_storage, fuse=order.target.fuse
            )
            check_graph(path)
        if order.target.fuse:
            report.operators[path.name] = count_operators(path)
        for file in files:
            report.bytes_by_file[file.name] = file.stat().st_size
        size = sum(file.stat().st_size for file in files)
        log(f"{direction.id}: {path.name} is {size / 1e6:.1f} MB, {time.monotonic() - started:.0f} s")
        graphs[name] = Graph(path, graph_entry(files, folder))
        if name in _COMMON_GRAPHS:
            common[name] = graphs[name]
        gc.collect()
    return graphs


def assemble(order: Order, direction: Direction, target: Target) -> Assembly:
    """The modules of one direction in a target's operators and precision."""
    operators = target.operators()
    if isinstance(order.checkpoint, PairedCheckpoint):
        preparation = _PREPARATION[order.description.conditioning]
        assembly = assemble_paired(order.checkpoint, order.base, operators, preparation)
    else:
        assembly = assemble_unpaired(order.checkpoint, order.base, operators, _half_of(direction))
    for part in (assembly.encoder, assembly.unet, assembly.decoder):
        part.to(target.dtype)
    return assembly


def _half_of(direction: Direction) -> Half:
    if direction.half is None:
        raise ExportError("a CycleGAN-Turbo checkpoint needs --direction a2b, b2a or both")
    return direction.half


def graph_entry(files: list[Path], folder: Path) -> dict[str, object]:
    """A manifest's entry of a graph and its external data."""
    graph, *external = files
    return {**file_entry(graph, folder), "external_data": [file_entry(file, folder) for file in external]}


def _shared_entries(shared: SharedParts, folder: Path) -> dict[str, object]:
    return {
        "text_encoder": graph_entry(shared.text_encoder, folder),
        "tokenizer": {
            **file_entry(shared.tokenizer, folder),
            "max_length": shared.facts.max_length,
            "pad_id": shared.facts.pad_id,
        },
        "embedding": {"length": shared.embedding[0], "width": shared.embedding[1]},
    }
