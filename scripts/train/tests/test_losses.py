"""Losses on pictures whose answer is known."""

import torch

from train.losses import evenness_loss


def test_evenness_forgives_a_wrong_colour_and_not_two_in_one_part():
    target = torch.zeros(3, 3, 16, 16)
    parts = torch.ones(3, 1, 16, 16, dtype=torch.uint8)
    output = target.clone()
    output[1] = 0.5
    output[2, :, :, :8] = 0.5
    loss = evenness_loss(output, target, parts)
    assert loss.tolist() == [0, 0, 0.25]
    parts[2, ..., :8] = 255
    assert evenness_loss(output, target, parts).tolist() == [0, 0, 0]


def test_evenness_asks_nothing_of_paper_and_leads_a_part_to_its_mean():
    target = torch.zeros(1, 3, 16, 16)
    parts = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
    output = torch.rand(1, 3, 16, 16)
    assert evenness_loss(output, target, parts).item() == 0
    output = torch.zeros(1, 3, 16, 16)
    output[..., :4, :4] = 1
    output.requires_grad_()
    evenness_loss(output, target, parts + 1).backward()
    assert (output.grad[..., :4, :4] > 0).all()
    assert (output.grad[..., 4:, 4:] < 0).all()
