"""What the options say stands in the bundle's description; what they leave out is the description's own default."""

from __future__ import annotations

from export.cli import parser
from export.describe import describe
from export.description import Description


def described(*arguments: str, stochastic: bool = False) -> Description:
    options = parser().parse_args(["--out", "x", "--origin", "here", *arguments])
    return describe(options, "My Bundle", paired=True, stochastic=stochastic)


def test_the_id_is_made_of_the_folders_name() -> None:
    assert described().id == "my-bundle"


def test_canny_thresholds_of_an_edge_model() -> None:
    plain = described("--conditioning", "edge")
    assert (plain.low_threshold, plain.high_threshold) == (100, 200)
    low = described("--conditioning", "edge", "--low-threshold", "0")
    assert (low.low_threshold, low.high_threshold) == (0, 200)
    both = described("--conditioning", "edge", "--low-threshold", "50", "--high-threshold", "90")
    assert (both.low_threshold, both.high_threshold) == (50, 90)


def test_gamma_of_a_stochastic_model() -> None:
    assert described(stochastic=True).default_gamma == 0.4
    assert described("--default-gamma", "0", stochastic=True).default_gamma == 0
