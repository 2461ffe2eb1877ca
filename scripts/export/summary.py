"""What the export command prints at the end: what was written, how large, how close, made of which operators."""

from __future__ import annotations

from .bundle import Order, Report


def print_summary(report: Report, order: Order) -> None:
    """Prints to standard output."""
    total = sum(report.bytes_by_file.values())
    print(f"bundle     {report.out}")
    print(f"model      {order.description.family}, {'stochastic' if order.description.stochastic else 'deterministic'}")
    print(f"made for   {order.target.provider}, {order.target.precision}, {order.layout}")
    for name, size in report.bytes_by_file.items():
        print(f"file       {name}  {size / 1e6:.1f} MB")
    print(f"graphs     {total / 1e6:.1f} MB")
    for path in report.shared:
        print(f"shared     {path}  {path.stat().st_size / 1e6:.1f} MB")
    for direction, result in report.closeness.items():
        how = "on CPU, its CUDA operators replaced by standard ones," if order.target.fuse else "on CPU"
        print(f"closeness  {direction}: {result} (ONNX Runtime {how} against PyTorch in fp32)")
    for graph, counts in report.operators.items():
        print(f"operators  {graph}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    print(f"time       {report.seconds:.0f} s")
