"""The model as the facts page tells it, in PyTorch: diffusers' networks with PEFT adapters active and unmerged, fp32.

Nothing here comes from the exporter, so that a mistake there cannot be made here as well. It reads the same files.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.utils.peft_utils import set_weights_and_activate_adapters
from peft import LoraConfig
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer


class Twins(nn.Module):
    """conv_in of a stochastic model: (1 − r) · pretrained + r · current."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv_in_pretrained = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1)
        self.conv_in_curr = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1)
        self.r = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_in_pretrained(x) * (1 - self.r) + self.conv_in_curr(x) * self.r


def text_embedding(base: Path, prompts: list[str]) -> Tensor:
    """[B,77,D]: padded with the tokenizer's own pad token, truncated."""
    tokenizer = CLIPTokenizer.from_pretrained(base / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(base / "text_encoder").eval()
    ids = tokenizer(prompts, max_length=77, padding="max_length", truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        return encoder(ids)[0]


class Reference:
    """One direction of a checkpoint. `translate` takes bytes and gives bytes, one picture at a time."""

    def __init__(self, base: Path, checkpoint: Path, half: str | None, binarise: bool) -> None:
        state = torch.load(checkpoint, weights_only=True)
        self.half = half
        self.binarise = binarise
        self.scheduler = DDPMScheduler.from_pretrained(base / "scheduler")
        self.scheduler.set_timesteps(1)
        self.unet = UNet2DConditionModel.from_pretrained(base / "unet")
        self.vae = _vae_with_skips(base)
        vae_config = LoraConfig(r=state["rank_vae"], target_modules=state["vae_lora_target_modules"])
        self.vae.add_adapter(vae_config, adapter_name="vae_skip")
        self.stochastic = False
        if half is None:
            self._load_paired(state)
        else:
            self._load_unpaired(state)
        self.unet.eval()
        self.vae.eval()

    def _load_paired(self, state: dict) -> None:
        self.stochastic = any("conv_in_curr" in key for key in state["state_dict_unet"])
        if self.stochastic:
            self.unet.conv_in = Twins(self.unet.conv_in)
        self.unet.add_adapter(LoraConfig(r=state["rank_unet"], target_modules=state["unet_lora_target_modules"]))
        for network, part in ((self.unet, state["state_dict_unet"]), (self.vae, state["state_dict_vae"])):
            result = network.load_state_dict(part, strict=False)
            assert not result.unexpected_keys
            assert not [key for key in result.missing_keys if "lora" in key]

    def _load_unpaired(self, state: dict) -> None:
        parts = {"encoder": "l_target_modules_encoder", "decoder": "l_target_modules_decoder", "others": "l_modules_others"}
        for part, targets in parts.items():
            config = LoraConfig(r=state["rank_unet"], target_modules=state[targets], lora_alpha=state["rank_unet"])
            self.unet.add_adapter(config, adapter_name=f"default_{part}")
        for part in parts:
            source = state["sd_other" if part == "others" else f"sd_{part}"]
            for name, parameter in self.unet.named_parameters():
                if f".default_{part}." in name:
                    parameter.data.copy_(source[name.replace(f".default_{part}.", ".")])
        self.unet.set_adapters([f"default_{part}" for part in parts])
        prefix = "vae." if self.half == "a2b" else "vae_b2a."
        for key in ("sd_vae_enc", "sd_vae_dec"):
            own = {name[len(prefix) :]: value for name, value in state[key].items() if name.startswith(prefix)}
            self.vae.load_state_dict(own)

    @torch.no_grad()
    def translate(self, image: Tensor, text: Tensor, noise: Tensor, gamma: float = 1.0) -> Tensor:
        """uint8 [1,H,W,3], [1,77,D], [1,4,H/8,W/8] → uint8 [1,H,W,3]."""
        # Contiguous, as the reference's own loader makes it: on other strides PyTorch's GroupNorm is off by 1e-3 at 512×512.
        x = (image.permute(0, 3, 1, 2).float() / 255).contiguous()
        if self.half is not None:
            x = (x - 0.5) / 0.5
        elif self.binarise:
            x = (x > 0.5).float()
        if self.stochastic:
            self.unet.set_adapters(["default"], weights=[gamma])
            set_weights_and_activate_adapters(self.vae, ["vae_skip"], [gamma])
        moments, taps = self._encode(x)
        mean, log_variance = moments.chunk(2, dim=1)
        scale = self.vae.config.scaling_factor
        if self.stochastic:
            x = gamma * (mean * scale) + (1 - gamma) * noise
            self.unet.conv_in.r = gamma
        else:
            x = (mean + torch.exp(0.5 * log_variance.clamp(-30, 20)) * noise) * scale
        epsilon = self.unet(x, torch.tensor([999]), encoder_hidden_states=text).sample
        # A fixed generator: the step adds noise of a variance below 1e-9.
        generator = torch.Generator().manual_seed(0)
        x = self.scheduler.step(epsilon, torch.tensor(999), x, generator=generator).prev_sample
        x = self._decode(x / scale, taps, gamma if self.stochastic else 1.0).clamp(-1, 1)
        return ((x * 0.5 + 0.5) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)

    def _encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        encoder = self.vae.encoder
        x = encoder.conv_in(x)
        taps = []
        for block in encoder.down_blocks:
            taps.append(x)
            x = block(x)
        x = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(encoder.mid_block(x))))
        return self.vae.quant_conv(x), taps

    def _decode(self, z: Tensor, taps: list[Tensor], gamma: float) -> Tensor:
        decoder = self.vae.decoder
        x = decoder.mid_block(decoder.conv_in(self.vae.post_quant_conv(z)))
        for index, block in enumerate(decoder.up_blocks):
            skip = getattr(decoder, f"skip_conv_{index + 1}")
            x = block(x + skip(taps[3 - index] * gamma))
        return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(x)))


def _vae_with_skips(base: Path) -> nn.Module:
    vae = AutoencoderKL.from_pretrained(base / "vae")
    c = vae.config.block_out_channels
    pairs = [(c[2], c[3]), (c[1], c[3]), (c[0], c[2]), (c[0], c[1])]
    for index, (tap, stage) in enumerate(pairs, start=1):
        setattr(vae.decoder, f"skip_conv_{index}", nn.Conv2d(tap, stage, 1, bias=False))
    return vae
