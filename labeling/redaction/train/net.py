"""The network: depthwise separable convolutions, two scales, one box per place. About 200,000 parameters."""

from __future__ import annotations

import torch
from torch import nn

STRIDES = (8, 16)
LARGE = 72.0  # plates whose longer side is above this many pixels belong to the coarser scale


def block(a: int, b: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(a, a, 3, stride, 1, groups=a, bias=False), nn.BatchNorm2d(a), nn.ReLU(inplace=True),
        nn.Conv2d(a, b, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
    )  # fmt: skip


class PlateNet(nn.Module):
    """BGR picture (N, 3, H, W), 0 to 255, sides multiples of 32 → (N, 5, cells): score before sigmoid, then
    left, top, right, bottom distances in strides, before exp; cells of stride 8 row by row, then those of 16."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
        self.s4 = nn.Sequential(block(16, 32, 2), block(32, 32))
        self.s8 = nn.Sequential(block(32, 64, 2), block(64, 64), block(64, 64))
        self.s16 = nn.Sequential(block(64, 96, 2), block(96, 96), block(96, 96), block(96, 96))
        self.s32 = nn.Sequential(block(96, 128, 2), block(128, 128), block(128, 128))
        self.up32 = nn.Conv2d(128, 64, 1)
        self.side16 = nn.Conv2d(96, 64, 1)
        self.mix16 = block(64, 64)
        self.side8 = nn.Conv2d(64, 64, 1)
        self.mix8 = block(64, 64)
        self.heads = nn.ModuleList(nn.Sequential(block(64, 64), block(64, 64), nn.Conv2d(64, 5, 1)) for _ in STRIDES)
        for head in self.heads:
            nn.init.zeros_(head[-1].bias)
            nn.init.constant_(head[-1].bias[0], -4.0)  # plates are rare

    def forward(self, picture):
        x = self.s4(self.stem((picture - 127.5) / 64))
        x8 = self.s8(x)
        x16 = self.s16(x8)
        x32 = self.s32(x16)
        f16 = self.mix16(self.side16(x16) + nn.functional.interpolate(self.up32(x32), scale_factor=2.0, mode="nearest"))
        f8 = self.mix8(self.side8(x8) + nn.functional.interpolate(f16, scale_factor=2.0, mode="nearest"))
        return torch.cat([head(f).flatten(2) for head, f in zip(self.heads, (f8, f16), strict=True)], dim=2)


def targets(boxes: list, side: int):
    """Return score targets, distances and a mask of cells that count, for one crop of side × side.

    A plate is asked of the cells in its middle; cells on its rim are left alone, all others must say no.
    """
    score, distance, counts = [], [], []
    for stride in STRIDES:
        cells = side // stride
        at = (torch.arange(cells) + 0.5) * stride
        y, x = torch.meshgrid(at, at, indexing="ij")
        wanted, rim = torch.zeros(cells, cells), torch.zeros(cells, cells, dtype=torch.bool)
        far = torch.ones(4, cells, cells)
        for bx, by, bw, bh in sorted(boxes, key=lambda b: -b[2] * b[3]):
            inside = (x > bx) & (x < bx + bw) & (y > by) & (y < by + bh)
            dx, dy = (x - bx - bw / 2).abs(), (y - by - bh / 2).abs()
            middle = (dx < max(bw * 0.28, stride * 0.6)) & (dy < max(bh * 0.28, stride * 0.6))
            mine = (max(bw, bh) > LARGE) == (stride == STRIDES[1])
            rim |= inside | middle
            if mine:
                wanted[middle] = 1.0
                ends = torch.stack([x - bx, y - by, bx + bw - x, by + bh - y]) / stride
                far[:, middle] = ends.clamp(min=0.05)[:, middle]
        score.append(wanted.flatten())
        distance.append(far.flatten(1))
        counts.append((~rim | (wanted > 0)).flatten())
    return torch.cat(score), torch.cat(distance, 1), torch.cat(counts)


def loss(out, score, distance, counts):
    """Focal loss of the score (Lin et al. 2017) plus 1 − GIoU of the box (Rezatofighi et al. 2019) where there is a plate."""
    p = torch.sigmoid(out[:, 0])
    wrong = torch.where(score > 0, 1 - p, p)
    weight = torch.where(score > 0, 0.75, 0.25) * wrong**2 * counts
    plain = nn.functional.binary_cross_entropy_with_logits(out[:, 0], score, reduction="none")
    n = score.sum().clamp(min=1)
    focal = (weight * plain).sum() / n
    here = score > 0
    if not here.any():
        return focal, focal.detach() * 0
    got = torch.exp(out[:, 1:].clamp(-4, 4)).transpose(1, 2)[here]
    want = distance.transpose(1, 2)[here]
    both = torch.minimum(got, want)
    hull = torch.maximum(got, want)
    inner = (both[:, 0] + both[:, 2]) * (both[:, 1] + both[:, 3])
    outer = (hull[:, 0] + hull[:, 2]) * (hull[:, 1] + hull[:, 3])
    union = (
        (got[:, 0] + got[:, 2]) * (got[:, 1] + got[:, 3])
        + (want[:, 0] + want[:, 2]) * (want[:, 1] + want[:, 3])
        - inner
    )
    giou = inner / union - (outer - union) / outer
    return focal, (1 - giou).mean()
