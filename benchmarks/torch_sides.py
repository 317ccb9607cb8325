"""The training step in PyTorch, for step.py: eager, and captured by hand in a CUDA graph."""

import math
import warnings

import chainer
import numpy as np
import torch
import torch.nn.functional as F
from sides import Side

from chainer_pose.training import arrays


class Torch(Side):
    """The step in eager PyTorch, with its fused Adam; the gate is read in each step.

    It begins from the weights of `ours`, a `sides.Ours`.
    """

    def __init__(self, ours, data, **adam):
        options = ours.options
        self.place = torch.device('cpu')
        if ours.device.xp is not np:
            self.place = torch.device('cuda', ours.device.device.id)
            torch.cuda.set_device(self.place)
        self.cap, self.joints = options.accuracy_cap, data.skeleton.face_joints
        self.poses = torch.from_numpy(arrays.training_poses(data)).to(self.place)
        self.position = len(self.poses)
        self.real = self.poses[: options.batchsize].clone()
        self.angle = self.poses.new_empty(len(self.real), 1)
        self.params, self.optimizers, host = {}, {}, chainer.get_device('@numpy')
        for name, link in ours.links.items():
            self.params[name] = [
                torch.from_numpy(host.send(param.array).copy()).to(self.place).requires_grad_()
                for _, param in sorted(link.namedparams())
            ]
            self.optimizers[name] = torch.optim.Adam(
                self.params[name], lr=options.alpha, betas=(options.beta1, 0.999),
                weight_decay=options.weight_decay, fused=True, **adam,
            )  # fmt: skip

    def draw(self):
        """Bring the next batch and its angles to where the step finds them."""
        start, self.position = self.position, self.position + len(self.real)
        if self.position > len(self.poses):
            self.order = torch.randperm(len(self.poses), device=self.place)
            start, self.position = 0, len(self.real)
        torch.index_select(self.poses, 0, self.order[start : self.position], out=self.real)
        self.angle.uniform_(-math.pi, math.pi)

    def losses(self):
        """(dict of both losses, logits of real and of fake poses)."""
        x, y = self.real.unbind(2)
        z = self._mlp('gen', self.real)
        fake = torch.stack([x * self.angle.cos() + z * self.angle.sin(), y], dim=2)
        y_real, y_fake = self._mlp('dis', torch.cat([self.real, fake])).split(len(x))
        gen_loss = F.softplus(-y_fake).mean() + self._angle_loss(x, z)
        dis_loss = F.softplus(-y_real).mean() + F.softplus(y_fake).mean()
        return {'gen': gen_loss, 'dis': dis_loss}, y_real, y_fake

    def _mlp(self, name, pose):
        w1, b1, w2, b2, w3, b3, w4, b4 = self.params[name]
        h1 = F.leaky_relu(F.linear(pose.flatten(1), w1, b1), 0.2)
        h2 = F.leaky_relu(F.linear(h1, w2, b2), 0.2)
        h3 = F.leaky_relu(F.linear(h2, w3, b3) + h1, 0.2)
        return F.linear(h3, w4, b4)

    def _angle_loss(self, x, z):
        nose, neck, left, right = self.joints
        v_x, v_z = x[:, nose] - x[:, neck], z[:, nose] - z[:, neck]
        w_x, w_z = x[:, left] - x[:, right], z[:, left] - z[:, right]
        lengths = ((v_x**2 + v_z**2) * (w_x**2 + w_z**2) + 1e-8).sqrt()
        return (-(v_x * w_z - v_z * w_x) / lengths).relu().mean()

    def learn(self, losses):
        """Step on losses by name, of which G's comes first."""
        for name, loss in losses.items():
            # Only what is needed: G's loss asks for no gradient of D's parameters.
            params = self.params[name]
            gradients = torch.autograd.grad(loss, params, retain_graph=name == 'gen')
            for param, gradient in zip(params, gradients):
                param.grad = gradient
        for name in losses:
            self.optimizers[name].step()

    def __call__(self):
        self.draw()
        losses, y_real, y_fake = self.losses()
        accuracy = ((y_real > 0).sum() + (y_fake < 0).sum()).item() / (2 * len(y_real))
        may = {'gen': not accuracy < 1 - self.cap, 'dis': not accuracy > self.cap}
        self.learn({name: loss for name, loss in losses.items() if may[name]})

    def wait(self):
        if self.place.type == 'cuda':
            torch.cuda.synchronize(self.place)


class TorchGraph(Torch):
    """The same step in a CUDA graph, without the gate, which Python would have to read.

    As PyTorch's documentation has it: warmed up on a stream beside, captured once, and replayed
    on what was copied in. The gradients lie in the graph's own pool, at the same place each time.
    """

    def __init__(self, ours, data):
        super().__init__(ours, data, capturable=True)
        self.draw()
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside), warnings.catch_warnings():
            warnings.simplefilter('ignore', UserWarning)  # Adam's, of steps out of a graph
            for _ in range(3):
                self.learn(self.losses()[0])
        torch.cuda.current_stream().wait_stream(beside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.learn(self.losses()[0])

    def __call__(self):
        self.draw()
        self.graph.replay()
