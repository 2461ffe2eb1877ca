"""What cannot be exported is refused with a sentence, and leaves nothing behind."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from export import command
from export.assemble import assemble_paired, assemble_unpaired
from export.base import load_vae, open_base
from export.checkpoint import read_checkpoint
from export.cli import main
from export.errors import ExportError
from export.files import folder_aside
from export.model.operators import PlainOperators
from export.random_init import ARCHITECTURES, write_base


def refused(path: Path, *words: str) -> None:
    with pytest.raises(ExportError) as caught:
        read_checkpoint(path)
    for word in (*words, path.name):
        assert word in str(caught.value)


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    refused(tmp_path / "none.pkl", "there is no checkpoint")
    (tmp_path / "text.pkl").write_text("hello, I am a text")
    refused(tmp_path / "text.pkl", "no")
    (tmp_path / "empty.pkl").write_bytes(b"")
    refused(tmp_path / "empty.pkl", "damaged")
    torch.save([1, 2], tmp_path / "list.pkl")
    refused(tmp_path / "list.pkl", "list", "a dict")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pkl")
    refused(tmp_path / "other.pkl", "neither family", "weight")


def test_a_download_that_stopped_half_way(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    whole = checkpoints["edge"].read_bytes()
    (tmp_path / "half.pkl").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "half.pkl", "damaged")


class _Trap:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path(self.mark),))

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "raw.pkl").write_bytes(pickle.dumps({"state_dict_unet": _Trap(mark)}))
    torch.save({"state_dict_unet": _Trap(mark)}, tmp_path / "saved.pkl")
    for name in ("raw.pkl", "saved.pkl"):
        refused(tmp_path / name, "without running code")
    assert not mark.exists()


@pytest.mark.parametrize("key", ["rank_vae", "vae_lora_target_modules", "state_dict_unet"])
def test_a_missing_key_of_pix2pix_turbo(key: str, changed) -> None:
    refused(changed("edge", lambda content: content.pop(key)), "pix2pix-Turbo", key)


@pytest.mark.parametrize("key", ["sd_other", "l_modules_others", "sd_vae_dec", "sd_encoder"])
def test_a_missing_key_of_cyclegan_turbo(key: str, changed) -> None:
    refused(changed("cyclegan", lambda content: content.pop(key)), "CycleGAN-Turbo", key)


@pytest.mark.parametrize("state", ["sd_vae_enc", "sd_vae_dec"])
@pytest.mark.parametrize("gone, half", [("vae.", "a2b"), ("vae_b2a.", "b2a")])
def test_half_of_a_cyclegan_checkpoint(state: str, gone: str, half: str, changed) -> None:
    def drop(content: dict) -> None:
        content[state] = {key: value for key, value in content[state].items() if not key.startswith(gone)}

    refused(changed("cyclegan", drop), "half of a CycleGAN-Turbo checkpoint", half, state)


def test_missing_lora_tensors_and_skip_convolutions(changed, base: Path) -> None:
    def drop_b(content: dict) -> None:
        del content["state_dict_unet"][next(key for key in content["state_dict_unet"] if "lora_B" in key)]

    refused(changed("edge", drop_b), "lora_A or lora_B")
    refused(
        changed("edge", lambda content: content["state_dict_vae"].pop("decoder.skip_conv_2.base_layer.weight")),
        "skip_conv_2",
    )

    def drop_module(content: dict) -> None:
        for part in ("lora_A", "lora_B"):
            del content["state_dict_unet"][f"mid_block.resnets.0.conv1.{part}.default.weight"]

    with pytest.raises(ExportError, match=r"no LoRA tensors for mid_block\.resnets\.0\.conv1"):
        assemble_paired(read_checkpoint(changed("edge", drop_module)), open_base(str(base)), PlainOperators(), "unit")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "kind, state, key",
    [
        ("edge", "state_dict_unet", "mid_block.resnets.0.conv1.lora_A.default.weight"),
        ("edge", "state_dict_vae", "decoder.skip_conv_2.base_layer.weight"),
        ("cyclegan", "sd_vae_dec", "vae_b2a.quant_conv.bias"),
    ],
)
def test_a_tensor_that_is_not_finite(value: float, kind: str, state: str, key: str, changed) -> None:
    def spoil(content: dict) -> None:
        content[state][key].view(-1)[0] = value

    refused(changed(kind, spoil), key.removeprefix("vae_b2a."), "not finite")


def test_half_a_pair_of_twins(changed) -> None:
    def drop(content: dict) -> None:
        for part in ("weight", "bias"):
            del content["state_dict_unet"][f"conv_in.conv_in_curr.{part}"]

    refused(changed("sketch", drop), "twins")


def test_a_cyclegan_vae_that_is_not_whole(changed, base: Path) -> None:
    def drop(content: dict) -> None:
        for state in ("sd_vae_enc", "sd_vae_dec"):
            del content[state]["vae.encoder.conv_norm_out.weight"]

    read = read_checkpoint(changed("cyclegan", drop))
    with pytest.raises(ExportError, match="not whole"):
        assemble_unpaired(read, open_base(str(base)), PlainOperators(), "a2b")


def test_a_checkpoint_for_another_base(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    import dataclasses

    other = dataclasses.replace(ARCHITECTURES["tiny"], unet_channels=(24, 32))
    write_base(tmp_path / "other", other, seed=1)
    with pytest.raises(ExportError, match="base"):
        assemble_paired(read_checkpoint(checkpoints["edge"]), open_base(str(tmp_path / "other")), PlainOperators(), "unit")


def test_a_folder_that_is_no_base(tmp_path: Path, base: Path) -> None:
    with pytest.raises(ExportError, match="no folder"):
        open_base(str(tmp_path))
    with pytest.raises(ExportError, match="neither a directory nor a Hub id"):
        open_base("./nowhere")
    for part in ("scheduler", "text_encoder", "tokenizer", "unet", "vae"):
        (tmp_path / part).mkdir()
    (tmp_path / "vae" / "config.json").write_text('{"_class_name": "VQModel"}')
    with pytest.raises(ExportError, match="VQModel"):
        load_vae(open_base(str(tmp_path)), PlainOperators())


@pytest.mark.parametrize(
    "kind, arguments, words",
    [
        ("cyclegan", [], "--direction"),
        ("cyclegan", ["--direction", "a2b"], "--prompt"),
        ("cyclegan", ["--direction", "a2b", "--prompt", "x", "--conditioning", "edge"], "--conditioning image"),
        ("edge", ["--direction", "a2b"], "pix2pix-Turbo"),
        ("edge", ["--size", "512"], "512x512"),
        # What the server's schema of a manifest would refuse later.
        ("edge", ["--size", "500x512"], "multiples of 8"),
        ("edge", ["--max-side", "256"], "longest side"),
        ("edge", ["--id", "My Model"], "lower-case"),
        ("edge", ["--template", "a picture"], "{prompt}"),
        ("sketch", ["--default-gamma", "1.5"], "between 0 and 1"),
        ("cyclegan", ["--direction", "both", *["--prompt", "x", "--direction-id", "same"] * 2], "one id"),
        ("edge", ["--conditioning", "edge", "--low-threshold", "300"], "300 and 200"),
        # What would be taken and change nothing.
        ("cyclegan", ["--direction", "a2b", "--prompt", "x", "--template", "a {prompt}"], "--template"),
        ("cyclegan", ["--direction", "a2b", "--prompt", "x", "--example", "a bird"], "--example"),
        ("cyclegan", ["--direction", "a2b", "--prompt", "x", "--default-gamma", "0.5"], "--default-gamma"),
        ("edge", ["--default-gamma", "0.5"], "--default-gamma"),
        ("edge", ["--low-threshold", "50"], "--low-threshold"),
        ("sketch", ["--high-threshold", "50"], "--high-threshold"),
        ("edge", ["--direction-id", "one", "--direction-id", "two"], "more than once"),
        ("edge", ["--kind", "sketch"], "--kind"),
        ("edge", ["--keep", "kept"], "--keep"),
        ("edge", ["--seed", "1"], "--seed"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_the_base_is_fetched(
    kind: str,
    arguments: list[str],
    words: str,
    checkpoints: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys,
) -> None:
    monkeypatch.setattr(command, "open_base", lambda *_: pytest.fail("the base was opened"))
    out = tmp_path / "models" / "x"
    assert main(["--checkpoint", str(checkpoints[kind]), "--base", "someone/large", "--out", str(out), *arguments]) == 1
    assert words in capsys.readouterr().err
    assert not out.parent.exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--size", "100x100"], "multiples of 8"),
        (["--kind", "edge", "--default-gamma", "0.5"], "--default-gamma"),
        (["--id", "My Model"], "lower-case"),
        (["--out", "taken"], "--force"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_random_weights_are_made(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("IMG2IMG_CWD", str(tmp_path))
    (tmp_path / "taken").mkdir()
    assert main(["--random-init", "tiny", "--keep", "kept", "--out", "models/x", *arguments]) == 1
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_taken_name_is_refused_before_anything_is_read(tmp_path: Path, capsys) -> None:
    assert main(["--checkpoint", "none.pkl", "--base", "someone/large", "--out", str(tmp_path)]) == 1
    assert "--force" in capsys.readouterr().err


def test_an_existing_bundle_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    with pytest.raises(ExportError, match="--force"), folder_aside(tmp_path / "bundle", replace=False):
        pass


def test_a_failure_leaves_the_old_bundle_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "old").touch()
    with pytest.raises(ExportError, match="not the model"), folder_aside(tmp_path / "bundle", replace=True) as aside:
        (aside / "half").touch()
        raise ExportError("not the model")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == ["old"]


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path, full_disk) -> None:
    with pytest.raises(ExportError, match="no room"), folder_aside(tmp_path / "bundle", replace=False) as aside, full_disk():
        (aside / "translator.onnx").write_bytes(bytes(1_000_000))
    assert list(tmp_path.iterdir()) == []


def test_an_export_onto_a_full_disk_is_a_sentence(
    base: Path, checkpoints: dict[str, Path], tmp_path: Path, full_disk, capsys
) -> None:
    """The graphs are written by onnx, which has its own way to a file."""
    models = tmp_path / "models"
    command = ["--checkpoint", str(checkpoints["edge"]), "--base", str(base), "--out", str(models / "x")]
    with full_disk():
        assert main(command) == 1
    assert "there is no room on the disk" in capsys.readouterr().err
    assert [path for path in models.rglob("*") if path.is_file()] == []


def test_random_weights_on_a_full_disk_are_a_sentence(tmp_path: Path, full_disk, capsys) -> None:
    command = ["--random-init", "tiny", "--keep", str(tmp_path / "kept"), "--out", str(tmp_path / "models" / "x")]
    with full_disk():
        assert main(command) == 1
    assert "could not be written" in capsys.readouterr().err
    assert list((tmp_path / "kept").iterdir()) == []
    assert not (tmp_path / "models").exists()
