"""`pull` from nothing to a bundle: checkpoint and base downloaded, exported, verified, installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from export.published import PUBLISHED
from export.pull import main
from export.verify import closeness

from .conftest import Bundle
from .file_server import FileServer
from .test_same_model import MODELS

_SCRIPTS = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[FileServer]:
    served = FileServer()
    yield served
    served.close()


def test_it_installs_a_published_model(
    server: FileServer, base: Path, checkpoints: dict[str, Path], export, feeds, tmp_path: Path
) -> None:
    server.files["/models/day2night.pkl"] = checkpoints["cyclegan"].read_bytes()
    server.add_hub_model("someone/tiny-turbo", base)
    # The connection breaks once on the way; the command goes on by itself.
    server.cuts, server.cut_after = 1, 200_000
    command = [sys.executable, "-m", "export.pull", "day_to_night", "--from", f"{server.url}/models"]
    command += ["--base", "someone/tiny-turbo", "--precision", "fp16"]
    command += ["--out", str(tmp_path / "models" / "Day_to_Night"), "--cache", str(tmp_path / "cache")]
    environment = {
        **os.environ,
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
    }
    done = subprocess.run(command, cwd=_SCRIPTS, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "connection lost" in done.stderr and "going on at" in done.stderr
    assert "closeness" in done.stdout

    bundle = Bundle(tmp_path / "models" / "Day_to_Night")
    manifest = bundle.manifest
    assert manifest["id"] == "day_to_night"
    assert [item["id"] for item in manifest["directions"]] == ["day_to_night"]
    assert manifest["directions"][0]["prompt"] == "driving in the night"
    assert manifest["text_encoder"]["path"].startswith("../shared/tiny-turbo/")
    assert manifest["precision"] == "fp16"
    # The pictures of the bundle that the export command makes of the same checkpoint in fp32.
    kind, arguments, _ = MODELS["cyclegan a2b"]
    sample = feeds(136, 120)
    assert closeness(bundle.run(sample), export(kind, *arguments).run(sample)).psnr >= 40
    assert not [path for path in (tmp_path / "models").iterdir() if path.name.startswith(".")]


#: Of ../shared/model-facts.md: file, conditioning, half, prompt.
FACTS = {
    "edge_to_image": ("edge_to_image_loras.pkl", "edge", None, None),
    "sketch_to_image_stochastic": ("sketch_to_image_stochastic_lora.pkl", "sketch", None, None),
    "day_to_night": ("day2night.pkl", "image", "a2b", "driving in the night"),
    "night_to_day": ("night2day.pkl", "image", "b2a", "driving in the day"),
    "clear_to_rainy": ("clear2rainy.pkl", "image", "a2b", "driving in heavy rain"),
    "rainy_to_clear": ("rainy2clear.pkl", "image", "b2a", "driving in the day"),
}


def test_all_published_models_are_known_by_their_facts() -> None:
    known = {name: (item.file, item.conditioning, item.half, item.prompt) for name, item in PUBLISHED.items()}
    assert known == FACTS
    for name, item in PUBLISHED.items():
        description = item.description(name)
        description.check()
        assert description.stochastic == (name == "sketch_to_image_stochastic")
        assert description.family == ("cyclegan-turbo" if item.half else "pix2pix-turbo")


@pytest.mark.parametrize("name, words", [("taken", "--force"), ("...", "lower-case")])
def test_a_name_that_cannot_be_had_is_refused_before_anything_is_downloaded(
    name: str, words: str, server: FileServer, tmp_path: Path, capsys
) -> None:
    (tmp_path / "taken").mkdir()
    command = ["edge_to_image", "--from", server.url, "--base", "someone/large", "--cache", str(tmp_path / "cache")]
    assert main([*command, "--out", str(tmp_path / name)]) == 1
    assert words in capsys.readouterr().err
    assert server.paths == [] and not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name, kind", [("edge_to_image", "cyclegan"), ("night_to_day", "edge")])
def test_a_model_of_the_other_family_is_refused(
    name: str, kind: str, server: FileServer, base: Path, checkpoints: dict[str, Path], tmp_path: Path, capsys
) -> None:
    server.files[f"/{PUBLISHED[name].file}"] = checkpoints[kind].read_bytes()
    command = [name, "--from", server.url, "--base", str(base), "--cache", str(tmp_path / "cache")]
    assert main([*command, "--out", str(tmp_path / "models" / name)]) == 1
    assert "is not of the family" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_checkpoint_that_changed_since_the_first_download_is_refused(
    server: FileServer, base: Path, checkpoints: dict[str, Path], tmp_path: Path, capsys
) -> None:
    server.files["/edge_to_image_loras.pkl"] = checkpoints["sketch"].read_bytes()
    command = ["edge_to_image", "--from", server.url, "--base", str(base), "--cache", str(tmp_path / "cache")]
    command += ["--out", str(tmp_path / "models" / "edge")]
    # The wrong model under the right name: refused, but its hash is what was downloaded first.
    assert main(command) == 1
    assert "stochastic" in capsys.readouterr().err
    (tmp_path / "cache" / "edge_to_image_loras.pkl").unlink()
    server.files["/edge_to_image_loras.pkl"] = checkpoints["edge"].read_bytes()
    assert main(command) == 1
    assert "is expected" in capsys.readouterr().err
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").iterdir())


def test_a_given_hash_is_binding(server: FileServer, checkpoints: dict[str, Path], base: Path, tmp_path: Path, capsys) -> None:
    server.files["/edge_to_image_loras.pkl"] = checkpoints["edge"].read_bytes()
    command = ["edge_to_image", "--from", server.url, "--base", str(base), "--cache", str(tmp_path), "--sha256", "0" * 64]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert "is expected" in capsys.readouterr().err
    assert not (tmp_path / "edge_to_image_loras.pkl").exists()


def test_a_hub_that_does_not_answer_is_said(checkpoints: dict[str, Path], server: FileServer, tmp_path: Path) -> None:
    server.files["/day2night.pkl"] = checkpoints["cyclegan"].read_bytes()
    command = [sys.executable, "-m", "export.pull", "day_to_night", "--from", server.url, "--base", "someone/nothing"]
    command += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hub")}
    done = subprocess.run(command, cwd=_SCRIPTS, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "someone/nothing could not be fetched" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
