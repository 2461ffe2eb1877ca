"""Several training processes on one machine, one thread each, that share gradients after every step.

On a CPU that others use too, two processes of one thread keep their speed where one process of two threads loses most
of it: PyTorch's threads wait for each other in every single operator, the processes once a step.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor


def run(main: Callable[[int, object], None], count: int, arguments: object) -> None:
    """Calls `main(rank, arguments)` in `count` processes (in this one where count is 1)."""
    if count == 1:
        main(0, arguments)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = mp.spawn(_join, (main, count, port, arguments), nprocs=count, join=False)

    def pass_on(*_: object) -> None:
        for process in context.processes:
            process.terminate()

    # The processes stop together, after a step; this one stays until they have saved.
    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    while not context.join():
        pass


def _join(rank: int, main: Callable[[int, object], None], count: int, port: int, arguments: object) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=count)
    main(rank, arguments)
    dist.destroy_process_group()


def share_gradients(parameters: Iterable[torch.nn.Parameter], flag: float = 0.0) -> bool:
    """Averages gradients over all processes; true where any process raised its flag (to stop together)."""
    if not dist.is_initialized():
        return flag > 0
    gradients: list[Tensor] = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients] + [torch.tensor([flag])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
    return bool(flat[-1] > 0)
