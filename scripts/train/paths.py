"""Where training keeps what does not belong into the tree: packages of drawings, the prepared cache, checkpoints."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("IMG2IMG_TRAIN_CACHE", "~/.cache/img2img-turbo-server/train")).expanduser()
ICONS = CACHE / "icons"
PREPARED = CACHE / "prepared"
RUNS = CACHE / "runs"
LPIPS = CACHE / "lpips"
MODELS = ROOT / "models"
STYLES = ROOT / "src" / "prompts" / "styles.json"
