"""`refdiff.models.UNet` in PyTorch, parameter for parameter, in PyTorch's own layout (B, C, H, W)."""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers_torch import Pairs, Sinusoids, linear, norm
from refdiff.core.trees import Tree
from refdiff.models import UNet


def conv(layer: nn.Conv2d, ours: Tree) -> Pairs:
    """A convolution's parameters: ours are (k, k, in, out)."""
    return [(layer.weight, ours["w"].transpose(3, 2, 0, 1)), (layer.bias, ours["b"])]


class Block(nn.Module):
    """Two convolutions and a skip, with a scale and shift from the condition in between."""

    def __init__(self, n_in: int, n_out: int, n_e: int, groups: int) -> None:
        super().__init__()
        self.norm0, self.conv0 = nn.GroupNorm(groups, n_in), nn.Conv2d(n_in, n_out, 3, padding=1)
        self.film = nn.Linear(n_e, 2 * n_out)
        self.norm1, self.conv1 = nn.GroupNorm(groups, n_out), nn.Conv2d(n_out, n_out, 3, padding=1)
        self.skip = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        h = self.conv0(F.silu(self.norm0(x)))
        scale, shift = self.film(e)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm1(h), 1 + scale)
        return self.skip(x) + self.conv1(F.silu(h))

    def pairs(self, ours: Tree) -> Pairs:
        """Each of their parameters beside ours."""
        yield from norm(self.norm0, ours["first"]["0"])
        yield from conv(self.conv0, ours["first"]["2"])
        yield from linear(self.film, ours["film"])
        yield from norm(self.norm1, ours["norm"])
        yield from conv(self.conv1, ours["last"]["2"])
        if "skip" in ours:
            yield from conv(self.skip, ours["skip"])


class Look(nn.Module):
    """Self-attention of the pixels, by PyTorch's fused product."""

    def __init__(self, width: int, heads: int, groups: int) -> None:
        super().__init__()
        self.heads, self.norm = heads, nn.GroupNorm(groups, width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).view(b, h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        return x + self.out(y).transpose(1, 2).reshape(b, c, h, w)

    def pairs(self, ours: Tree) -> Pairs:
        """Each of their parameters beside ours."""
        yield from norm(self.norm, ours["0"])
        yield from linear(self.qkv, ours["1"]["qkv"])
        yield from linear(self.out, ours["1"]["out"])


class Grow(nn.Module):
    """Twice as high and wide: four times the channels, laid out as squares. Each of the four pixels has its bias."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.n_out, self.conv = n_out, nn.Conv2d(n_in, 4 * n_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.conv(x), 2)

    def pairs(self, ours: Tree) -> Pairs:
        """Ours counts the pixel first and the channel second, `pixel_shuffle` the other way round."""
        w, b = ours["w"], ours["b"]
        yield self.conv.weight, w.reshape(len(w), 4, self.n_out).transpose(2, 1, 0).reshape(-1, len(w), 1, 1)
        yield self.conv.bias, b.reshape(4, self.n_out).T.reshape(-1)


class TorchUNet(nn.Module):
    """The U-Net with patch 1 and no dropout."""

    def __init__(self, like: UNet) -> None:
        super().__init__()
        widths, groups, blocks = like.widths, like.groups, like.blocks
        if like.patch != 1 or like.dropout:
            raise ValueError("only a U-Net with patch 1 and no dropout is written out here")
        n_e = 4 * widths[0]
        self.widths, self.labels, self.drop = widths, like.labels, like.drop
        self.waves = Sinusoids(like.waves, like.scale, like.max_period)
        self.time = nn.Sequential(nn.Linear(like.waves, n_e), nn.SiLU(), nn.Linear(n_e, n_e))
        if like.labels:
            self.label = nn.Embedding(like.labels + 1, n_e)
        self.first = nn.Conv2d(like.n_in, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.ModuleList(Block(w, w, n_e, groups) for _ in range(blocks)) for w in widths)
        self.up = nn.ModuleList(nn.ModuleList(Block(2 * w, w, n_e, groups) for _ in range(blocks)) for w in widths)
        pairs = list(pairwise(widths))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.grow = nn.ModuleList(Grow(b, a) for a, b in pairs)
        self.middle = nn.ModuleList(Block(widths[-1], widths[-1], n_e, groups) for _ in range(2))
        self.look = Look(widths[-1], like.heads, groups)
        self.norm, self.last = nn.GroupNorm(groups, widths[0]), nn.Conv2d(widths[0], like.n_in, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        e = self.time(self.waves(t))
        if self.labels:
            e = e + self.label(torch.full_like(t, self.labels, dtype=torch.long) if labels is None else labels)
        e, h, skips = F.silu(e), self.first(x), []
        for i, level in enumerate(self.down):
            h = self.shrink[i - 1](h) if i else h
            for block in level:
                h = block(h, e)
                skips.append(h)
        h = self.middle[1](self.look(self.middle[0](h, e)), e)
        for i in reversed(range(len(self.widths))):
            for block in reversed(self.up[i]):
                h = block(torch.cat([h, skips.pop()], dim=1), e)
            h = self.grow[i - 1](h) if i else h
        return self.last(F.silu(self.norm(h)))

    def pairs(self, ours: Any) -> Pairs:
        """Each of their parameters beside ours."""
        told = ours["told"]
        yield from linear(self.time[0], told["time"]["1"])
        yield from linear(self.time[2], told["time"]["3"])
        if self.labels:
            yield self.label.weight, told["label"]["table"]
        yield from conv(self.first, ours["in"]["1"])
        for i in range(len(self.widths)):
            for j in range(len(self.down[i])):
                yield from self.down[i][j].pairs(ours[f"down{i}.{j}"])
                yield from self.up[i][j].pairs(ours[f"up{i}.{j}"])
        for i, (a, b) in enumerate(pairwise(self.widths)):
            shrink = ours[f"shrink{i}"]["1"]
            yield self.shrink[i].weight, shrink["w"].reshape(2, 2, a, b).transpose(3, 2, 0, 1)
            yield self.shrink[i].bias, shrink["b"]
            yield from self.grow[i].pairs(ours[f"grow{i}"]["0"])
        yield from self.middle[0].pairs(ours["middle0"])
        yield from self.middle[1].pairs(ours["middle1"])
        yield from self.look.pairs(ours["look"])
        yield from norm(self.norm, ours["out"]["0"])
        yield from conv(self.last, ours["out"]["2"])
