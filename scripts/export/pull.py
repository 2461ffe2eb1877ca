"""The `pull` command: downloads a published model and its base, exports, verifies and installs the bundle."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .checkpoint import PairedCheckpoint, read_checkpoint
from .command import export_bundle, from_here, log, run_command
from .description import identifier_of
from .download import download, remember_hash, remembered_hash
from .errors import ExportError
from .files import refuse_existing
from .published import BASE, CHECKPOINT_HOST, PUBLISHED, Published


def parser() -> argparse.ArgumentParser:
    """All options, with their help."""
    p = argparse.ArgumentParser(prog="npm run pull --", description=__doc__)
    p.add_argument("name", choices=sorted(PUBLISHED), help="which published model")
    p.add_argument("--out", type=Path, metavar="models/NAME", help="the bundle's folder; default models/<name>")
    p.add_argument("--precision", choices=("fp32", "fp16"), default="fp16", help="of the stored weights; default fp16")
    p.add_argument("--layout", choices=("fused", "staged"), default="fused")
    p.add_argument("--target", choices=("cpu", "cuda"), default="cpu", help="whose operators the graphs are made of")
    p.add_argument("--force", action="store_true", help="replace a bundle that exists")
    p.add_argument("--base", default=BASE, metavar="DIR|HUB_ID", help=f"the base model; default {BASE}")
    p.add_argument("--base-name", metavar="NAME", help="what bundles on this base call it (default: its last word)")
    p.add_argument("--from", dest="source", default=CHECKPOINT_HOST, metavar="URL", help="a mirror of the authors' folder")
    p.add_argument("--sha256", help="hash that the checkpoint must have")
    p.add_argument("--cache", type=Path, help="where downloads are kept; default ~/.cache/img2img-turbo-server/checkpoints")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; 0 when the bundle stands, 1 with a sentence on standard error when not."""
    options = parser().parse_args(arguments)
    return run_command("pull", lambda: run(options))


def run(options: argparse.Namespace) -> None:
    """Does what the options say."""
    published = PUBLISHED[options.name]
    out = from_here(options.out or Path("models") / published.name)
    refuse_existing(out, options.force)
    description = published.description(identifier_of(out.name))
    description.check()
    cache = from_here(options.cache) if options.cache else _default_cache()
    checkpoint = read_checkpoint(fetch_checkpoint(published, options.source, cache, options.sha256))
    _must_be(published, checkpoint)
    log(f"base {options.base}")
    export_bundle(options, checkpoint, description, out)


def fetch_checkpoint(published: Published, source: str, cache: Path, sha256: str | None) -> Path:
    """The checkpoint's file in the cache.

    The authors publish no hashes. One given by the user is binding; else the hash of the first download is remembered,
    and a later download must have the same.
    """
    target = cache / published.file
    expected = sha256 or remembered_hash(target)
    log(f"checkpoint {source}/{published.file}")
    digest = download(f"{source.rstrip('/')}/{published.file}", target, expected, log)
    log(f"checkpoint sha256 {digest}, {'as expected' if expected else 'first download: remembered'}")
    remember_hash(target, digest)
    return target


def _must_be(published: Published, checkpoint: object) -> None:
    unpaired = published.half is not None
    if unpaired == isinstance(checkpoint, PairedCheckpoint):
        raise ExportError(f"{published.file} is not of the family that {published.name} is")
    stochastic = published.name == "sketch_to_image_stochastic"
    if getattr(checkpoint, "stochastic", False) != stochastic:
        raise ExportError(f"{published.file} is {'not ' if stochastic else ''}stochastic, unlike {published.name}")


def _default_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "img2img-turbo-server" / "checkpoints"


if __name__ == "__main__":
    sys.exit(main())
