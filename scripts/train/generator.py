"""The generators we train, put together from the exporter's own modules, and written out the way it reads them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from export.model.light_vae import LightAutoencoderKL
from export.model.lora import Guide, GuidedConv2d, LoraDelta, TwinConv
from export.model.operators import PlainOperators
from export.model.scheduler import one_step
from export.model.text import TextEncoder
from export.model.unet import TurboUnet
from export.model.vae import add_skip_convs, sample_posterior

# A noise level of one half at timestep 999: x0 = 1.41·x − ε. SD's own (x0 = 14.6·x − 14.6·ε) would make a network
# that starts from nothing amplify its errors fifteenfold.
SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.000693,
    "beta_end": 0.000693,
    "beta_schedule": "linear",
    "prediction_type": "epsilon",
    "clip_sample": False,
}
LORA_RANK = 4
LORA_ALPHA = 8  # PEFT's default, which the reference's checkpoints rely on


@dataclass
class Sizes:
    """Everything that decides the shape of a generator's weights."""

    vae_channels: list[int] = field(default_factory=lambda: [16, 32, 64, 96])
    encoder_depth: list[int] = field(default_factory=lambda: [0, 0, 1, 1])
    decoder_depth: list[int] = field(default_factory=lambda: [1, 1, 1, 2])
    unet_channels: list[int] = field(default_factory=lambda: [80, 128, 160])
    unet_heads: int = 4
    latent_channels: int = 16
    vocabulary: int = 3072
    tokens: int = 32
    text_width: int = 128
    text_layers: int = 2
    # How the prompt reaches the UNet's blocks ("default" adds it, "scale_shift" scales too), whether the VAE floods, and how
    # many of its channels spread within lines.
    modulation: str = "scale_shift"
    outside: bool = True
    # Off in runs from before there was one.
    spread: int = 0

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


EMOJI_SIZES = Sizes(spread=12)


def make_unet(sizes: Sizes) -> UNet2DConditionModel:
    """Attention from the second level down: at the first it would cost as much as all convolutions together.

    So that every level hears of the prompt all the same, the text is pooled and added where the timestep goes
    (`addition_embed_type`): with cross-attention alone, at 4×4 places of a small training picture, colour words had
    no effect after 36,000 samples.
    """
    levels = len(sizes.unet_channels)
    unet = UNet2DConditionModel(
        in_channels=sizes.latent_channels,
        out_channels=sizes.latent_channels,
        block_out_channels=tuple(sizes.unet_channels),
        layers_per_block=1,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * (levels - 1)),
        up_block_types=(*["CrossAttnUpBlock2D"] * (levels - 1), "UpBlock2D"),
        cross_attention_dim=sizes.text_width,
        attention_head_dim=sizes.unet_heads,
        use_linear_projection=True,
        norm_num_groups=16,
        addition_embed_type="text",
        addition_embed_type_num_heads=sizes.unet_heads,
        resnet_time_scale_shift=sizes.modulation,
    )
    # The timestep never changes: a constant beside the pooled text, which has a bias of its own.
    unet.time_embedding.requires_grad_(False)
    return unet


def make_text_encoder(sizes: Sizes) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=sizes.vocabulary,
            hidden_size=sizes.text_width,
            intermediate_size=sizes.text_width * 4,
            num_hidden_layers=sizes.text_layers,
            num_attention_heads=4,
            max_position_embeddings=sizes.tokens,
            hidden_act="gelu",
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def make_vae(sizes: Sizes) -> LightAutoencoderKL:
    vae = LightAutoencoderKL(
        sizes.vae_channels,
        sizes.encoder_depth,
        sizes.decoder_depth,
        sizes.latent_channels,
        outside=sizes.outside,
        spread=sizes.spread,
    )
    add_skip_convs(vae)
    for name, module in vae.named_modules():
        # Without norms the start must keep the signal's size; a block's second convolution stays at zero.
        if isinstance(module, nn.Conv2d) and not (
            "skip_conv" in name or "outside" in name or name.endswith(("conv2", "spread_out"))
        ):
            nn.init.kaiming_normal_(module.weight, a=0.1, nonlinearity="leaky_relu")
            nn.init.zeros_(module.bias)
    for part in (vae.encoder, vae.decoder):
        nn.init.normal_(part.conv_out.weight, std=0.05)
    for index, (tap, stage) in enumerate(vae.skip_channels, start=1):
        # From scratch the reference's 1e-5 would keep the taps out for thousands of steps.
        nn.init.kaiming_normal_(getattr(vae.decoder, f"skip_conv_{index}").weight, nonlinearity="linear")
        assert tap == stage
    return vae


def _guided(conv: nn.Conv2d, guide: Guide) -> GuidedConv2d:
    """A LoRA branch on a convolution: down random, up zero, as PEFT starts it."""
    delta_down = nn.Conv2d(conv.in_channels, LORA_RANK, conv.kernel_size, bias=False).weight.data
    delta_up = conv.weight.new_zeros(conv.out_channels, LORA_RANK, 1, 1)
    return GuidedConv2d(conv, LoraDelta(delta_down, delta_up, LORA_ALPHA / LORA_RANK), guide)


class SketchGenerator(nn.Module):
    """pix2pix-Turbo, stochastic.

    Sketch [B,3,H,W] in {0,1}, ids [B,L], noise [B,16,H/16,W/16], gamma [B] → [B,3,H,W] in about [-1,1].
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.guide = Guide()
        self.clip = make_text_encoder(sizes)
        self.text = TextEncoder(self.clip, PlainOperators())
        self.vae = make_vae(sizes)
        self.unet_holder = make_unet(sizes)
        self.unet = TurboUnet(self.unet_holder, PlainOperators())
        self.step = one_step(SCHEDULER)
        twin = nn.Conv2d(sizes.latent_channels, sizes.unet_channels[0], 3, padding=1)
        self.unet.conv_in = TwinConv(self.unet.conv_in, twin, self.guide)
        # Few and narrow targets: LoRA stays unmerged in this family, and every branch costs time.
        self.unet.conv_out = _guided(self.unet.conv_out, self.guide)
        self.vae.decoder.conv_in = _guided(self.vae.decoder.conv_in, self.guide)

    def forward(self, sketch: Tensor, ids: Tensor, noise: Tensor, gamma: Tensor) -> Tensor:
        return self.with_latent(sketch, ids, noise, gamma)[0]

    def with_latent(self, sketch: Tensor, ids: Tensor, noise: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
        """The picture, and the latent [B,16,H/16,W/16] that it was decoded from."""
        self.guide.gamma = gamma
        text = self.text(ids)
        latent, _, taps = self.vae.encode_with_taps(sketch)
        weight = gamma.reshape(-1, 1, 1, 1)
        x = latent * weight + noise * (1 - weight)
        denoised = self.step(x, self.unet(x, text))
        return self.vae.decode_with_skips(denoised, taps, gamma), denoised


# Day and night differ in colour and light, not in what is where: less width is enough, and two graphs hold the UNet.
STREET_SIZES = Sizes(
    vae_channels=[16, 32, 48, 64],
    encoder_depth=[0, 1, 1, 1],
    decoder_depth=[1, 1, 2, 1],
    unet_channels=[48, 64, 96],
    latent_channels=16,
    vocabulary=512,
    tokens=16,
    text_width=64,
    text_layers=1,
    modulation="default",
    outside=False,
)


class StreetGenerator(nn.Module):
    """CycleGAN-Turbo, deterministic: one UNet for both directions, a VAE for each. Pictures are [B,3,H,W] in [-1,1]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.clip = make_text_encoder(sizes)
        self.text = TextEncoder(self.clip, PlainOperators())
        self.vae = make_vae(sizes)
        self.vae_b2a = make_vae(sizes)
        self.unet_holder = make_unet(sizes)
        self.unet = TurboUnet(self.unet_holder, PlainOperators())
        self.step = one_step(SCHEDULER)
        for vae in (self.vae, self.vae_b2a):
            # The posterior is all but a point: a deterministic model's noise shall not be seen.
            nn.init.zeros_(vae.encoder.conv_out.weight[sizes.latent_channels :])
            nn.init.constant_(vae.encoder.conv_out.bias[sizes.latent_channels :], -14.0)

    def forward(self, picture: Tensor, ids: Tensor, half: str, noise: Tensor | None = None) -> Tensor:
        """Translates with the VAE of `half`, "a2b" or "b2a"; `ids` [B,L] are its prompt's.

        `noise` [B,16,H/16,W/16] samples the posterior, as a bundle's graphs do; without it, as in training, its mean is taken.
        """
        vae = self.vae if half == "a2b" else self.vae_b2a
        latent, log_variance, taps = vae.encode_with_taps(picture)
        if noise is not None:
            latent = sample_posterior(latent, log_variance, noise)
        denoised = self.step(latent, self.unet(latent, self.text(ids)))
        return vae.decode_with_skips(denoised, taps, None)
