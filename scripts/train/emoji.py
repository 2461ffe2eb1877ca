"""Trains the emoji-sketch generator; stop it with Ctrl-C or SIGTERM at any time, the same command goes on.

python -m train.emoji --side 128 --batch 10 --minutes 90 --lr 1.8e-3 --lr-end 8e-4

The phases of a whole training are in scripts/train/README.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from . import parallel, state, tokenizer
from .data.prompts import templates
from .data.sample import Drawings, Request, make
from .generator import EMOJI_SIZES, Sizes, SketchGenerator
from .loader import batches
from .losses import PatchCritic, colour_loss, critic_loss, evenness_loss, feature_loss, picture_loss
from .paths import RUNS
from .run import SEED, Run, add_arguments, begin, launch


def get_tokenizer(name: str, sizes: Sizes) -> Tokenizer:
    """The run's tokenizer, built on first use."""

    def texts() -> list[str]:
        facts = [fact for fact in Drawings().facts if not fact["held_out"]]
        names = sorted({fact["name"] for fact in facts})
        keywords = sorted({word for fact in facts for word in fact["keywords"]})
        return tokenizer.corpus(names, keywords)

    return tokenizer.of_run(name, texts, sizes.vocabulary, sizes.tokens)


def signed(pixels: Tensor) -> Tensor:
    """uint8 → float in [-1,1]."""
    return pixels.float() / 127.5 - 1


def preview(model: SketchGenerator, words: Tokenizer, path: Path, side: int) -> None:
    """A contact sheet of a few fixed drawings, seen and held out: sketch, output, colours, styles."""
    device = next(model.parameters()).device
    drawings = Drawings()
    by_key = {(fact["source"], fact["key"]): row for row, fact in enumerate(drawings.facts)}
    keys = [("fluent-emoji-flat", k) for k in ("duck", "house", "swan", "koala", "kiwi-fruit")] + [
        ("noto", "camel"),
        ("noto", "swan"),
    ]
    rows = []
    for number, key in enumerate(keys):
        name = drawings.facts[by_key[key]]["name"]
        prompts = [
            (name, 1.0),
            (f"a red {name}", 1.0),
            (f"a blue {name}", 1.0),
            (f"a green {name}", 1.0),
            (name, 0.5),
            (name, 0.15),
        ]
        prompts += [(prompt.replace("{prompt}", name), 1.0) for prompt in templates().values()]
        sample = make(drawings, by_key[key], side, np.random.default_rng(number), Request(prompt=name, gamma=1.0, strength=0.5))
        sketch = torch.from_numpy(sample.sketch)[None, None].float().expand(len(prompts), 3, -1, -1)
        noise = torch.from_numpy(sample.noise)[None].expand(len(prompts), -1, -1, -1)
        ids = torch.from_numpy(tokenizer.encode(words, [p for p, _ in prompts], model.sizes.tokens))
        with torch.no_grad():
            out = model(*(x.to(device) for x in (sketch, ids, noise, torch.tensor([g for _, g in prompts])))).cpu()
        pictures = ((out.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).numpy()
        first = np.repeat(255.0 * (1 - sample.sketch[..., None].astype(np.float32)), 3, 2)
        rows.append(np.hstack([first, sample.target * 255, *pictures]))
    sheet = np.vstack(rows)
    size = tuple(edge * 128 // side for edge in sheet.shape[1::-1])
    cv2.imwrite(str(path), cv2.resize(sheet.astype(np.uint8), size, interpolation=cv2.INTER_AREA)[..., ::-1])


def parameter_groups(model: SketchGenerator, rate: float) -> list[dict[str, object]]:
    """Attention at half the rate of the rest. The text encoder is not among them: it stays as `train.text` taught it.

    Learning along with the pictures it collapsed, three times and even at a tenth of the rate: to one bit, whether the
    picture is dark, while everything else about the prompt was lost.
    """
    model.clip.requires_grad_(False)
    attention = [p for name, p in model.unet.named_parameters() if "attentions" in name]
    seen = {id(p) for p in attention}
    rest = [p for p in model.parameters() if id(p) not in seen and p.requires_grad]
    return [{"params": params, "lr": rate * share, "share": share} for params, share in ((attention, 0.5), (rest, 1.0))]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, "emoji-sketch", batch=8, save_minutes=5)
    parser.add_argument("--familiar", type=float, default=1.0, help="how much more often well-known names come")
    parser.add_argument("--critic", action="store_true", help="add the adversarial and feature losses")
    parser.add_argument("--evenness", type=float, default=2.0, help="weight of parts that are one colour each")
    parser.add_argument("--replay", type=float, default=0.0, help="share of batches that are shown a second time")
    workers = 8 if torch.cuda.is_available() else 0
    parser.add_argument("--workers", type=int, default=workers, help="processes that make samples; 0: in between steps")
    return parser.parse_args()


def train(rank: int, args: argparse.Namespace) -> None:
    """One process of a run."""
    device, half = begin(args)
    sizes = EMOJI_SIZES
    words = get_tokenizer(args.run, sizes)
    model = SketchGenerator(sizes).to(device, memory_format=torch.channels_last)
    # Trained smaller than it is used, it shall see as many cells across: 64 of them at 512 pixels.
    model.vae.cell = args.side // 64
    average = state.Average(model)
    critic = PatchCritic().to(device, memory_format=torch.channels_last)
    groups = parameter_groups(model, args.lr)
    trained = [p for group in groups for p in group["params"]]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    critic_optimiser = torch.optim.AdamW(critic.parameters(), lr=4e-4, betas=(0.5, 0.99), weight_decay=0.0)
    run = Run(
        args,
        rank,
        parts={
            "model": model,
            "average": average.module,
            "critic": critic,
            "optimiser": optimiser,
            "critic_optimiser": critic_optimiser,
        },
        sizes=sizes.as_dict(),
        about={"critic": args.critic, "evenness": args.evenness},
        preview=lambda: preview(average.module, words, RUNS / args.run / "preview.png", args.side),
        warm_up=100,
    )
    # After the run's state, so that an encoder taught since then takes the old one's place.
    if (taught := RUNS / args.run / "text.pt").is_file():
        weights = torch.load(taught, map_location="cpu", weights_only=True)
        for generator in (model, average.module):
            generator.clip.load_state_dict(weights)
    elif rank == 0 and run.step == 0:
        print("the text encoder has been taught nothing: run python -m train.text first", flush=True)
    stream = batches(
        words, sizes.tokens, args.side, args.batch, SEED + 1000 * run.step + rank, args.workers, args.familiar, args.replay
    )
    for step in run.steps():
        for group in optimiser.param_groups:
            group["lr"] = run.rate * group["share"]
        batch = {key: value.to(device) for key, value in next(stream).items()}
        sketch = batch["sketch"].float().expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        target = signed(batch["target"]).contiguous(memory_format=torch.channels_last)
        gamma = batch["gamma"]
        with half:
            output, latent = model.with_latent(sketch, batch["ids"], batch["noise"], gamma)
        output = output.float()
        # Where the sketch does not rule, no picture is the right one: ask less there.
        trust = 0.25 + 0.75 * gamma
        loss = (picture_loss(output, target, batch["weight"].float()) * trust).mean()
        colours = (colour_loss(output, latent.float(), target, batch["mask"].float()) * trust).mean()
        uneven = evenness_loss(output, target, batch["shapes"]).mean()
        losses = {"picture": loss.item(), "colours": colours.item(), "uneven": uneven.item()}
        loss = loss + colours + args.evenness * uneven
        if args.critic:
            scores, fake = critic(torch.cat([output, sketch], 1))
            with torch.no_grad():
                _, real = critic(torch.cat([target, sketch], 1))
            adversarial, features = -scores.mean(), feature_loss(real, fake)
            # A critic that has just begun knows nothing worth listening to.
            warm = min(1.0, int(run.facts.get("critic_steps", 0)) / 200)
            loss = loss + warm * (0.02 * adversarial + 1.0 * features)
            losses |= {"adversarial": adversarial.item(), "features": features.item()}
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        run.share(trained)
        norm = nn.utils.clip_grad_norm_(trained, 1.0)
        if not run.is_sound(norm):
            continue
        optimiser.step()
        if args.critic:
            critic_optimiser.zero_grad(set_to_none=True)
            both = critic(torch.cat([torch.cat([target, output.detach()]), sketch.repeat(2, 1, 1, 1)], 1))[0]
            judged = critic_loss(*both.chunk(2))
            judged.backward()
            parallel.share_gradients(critic.parameters())
            critic_optimiser.step()
            losses["critic"] = judged.item()
            run.facts["critic_steps"] = int(run.facts.get("critic_steps", 0)) + 1
        average.update(model, step)
        run.done(losses, args.batch)


def main() -> None:
    args = parse()
    get_tokenizer(args.run, EMOJI_SIZES)
    launch(train, args)


if __name__ == "__main__":
    main()
