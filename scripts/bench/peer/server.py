"""The peer: what a user of the reference would write around it with FastAPI, answering our client's requests.

python -m bench.peer.server --base DIR --checkpoint FILE [--compile]
"""

from __future__ import annotations

import argparse
import io
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from PIL import Image

from .model import PeerModel


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--conditioning", choices=list(CONDITIONINGS), default="sketch")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--device", default="cpu", help="cpu or cuda:0")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    return parser.parse_args()


async def body_of(request: Request) -> bytes:
    return await request.body()


def strokes(picture: Image.Image) -> np.ndarray:
    """Dark strokes on light paper, as the reference's demo takes them, become white on black."""
    dark = np.asarray(picture.convert("L")) < 128
    return np.repeat((dark * np.uint8(255))[..., None], 3, 2)


def edges(picture: Image.Image) -> np.ndarray:
    """Canny with the reference's thresholds."""
    import cv2

    return np.repeat(cv2.Canny(np.asarray(picture), 100, 200)[..., None], 3, 2)


CONDITIONINGS = {"sketch": strokes, "edge": edges}


def build(model: PeerModel, thread: Executor, side: int, condition: Callable[[Image.Image], np.ndarray]) -> FastAPI:
    """A plain `def` endpoint runs in a thread of Starlette's pool; the model runs one picture at a time, in `thread`."""
    app = FastAPI()

    def infer(pixels: np.ndarray, prompt: str, seed: int, gamma: float, encode: bool) -> tuple[np.ndarray, float, float]:
        started = time.perf_counter()
        result = model.run(pixels, prompt, seed, gamma, encode)
        return result, started, time.perf_counter()

    @app.get("/health/ready")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/translate")
    def translate(prompt: str, seed: int, body: bytes = Depends(body_of), gamma: float = 0.4, encode: bool = False) -> Response:
        began = time.perf_counter()
        picture = Image.open(io.BytesIO(body)).convert("RGB").resize((side, side), Image.LANCZOS)
        pixels = condition(picture)
        decoded = time.perf_counter()
        result, started, made = thread.submit(infer, pixels, prompt, seed, gamma, encode).result()
        out = io.BytesIO()
        Image.fromarray(result).save(out, "JPEG", quality=90)
        ended = time.perf_counter()
        times = {
            "decode": decoded - began,
            "queue": started - decoded,
            "inference": made - started,
            "encode": ended - made,
            "total": ended - began,
        }
        timing = ", ".join(f"{name};dur={1000 * seconds:.2f}" for name, seconds in times.items())
        return Response(out.getvalue(), media_type="image/jpeg", headers={"Server-Timing": timing})

    return app


def main() -> None:
    args = parse()
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    device = "cuda:0" if args.device == "cuda" else args.device.replace("cpu:0", "cpu")
    model = PeerModel(args.base, args.checkpoint, args.conditioning, device, args.compile)
    # Always the same thread: OpenMP keeps a team of its own for every thread that calls it.
    thread = ThreadPoolExecutor(1)
    blank = np.zeros((args.size, args.size, 3), np.uint8)
    for seed in range(3):
        thread.submit(model.run, blank, "warm-up", seed, 0.4, encode=True).result()
    app = build(model, thread, args.size, CONDITIONINGS[args.conditioning])
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"peer listens on http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
