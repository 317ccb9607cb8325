#!/usr/bin/env python
"""How many training steps a second: textbook Chainer, ours, PyTorch?

One step is all of it: draw a batch, lift, turn, project, judge, both backward
passes, the gate, both Adam updates with weight decay. The gate never closes here
(--accuracy-cap 1), so that every step is a whole one. The sides begin from the
same weights and take turns, so that all see the same machine; medians are
printed, and ours over each of the others.
"""

import argparse
import contextlib
import itertools
import json
import statistics
import sys
import time
from collections import Counter

from lifting import ROOT, where  # puts the project on the path

sys.path.append(str(ROOT / 'tests'))

import chainer
import numpy as np
from textbook import TextbookMLP, TextbookUpdater

import train as train_script
from chainer_pose import datasets, devices, trainers
from chainer_pose.ranks import ALONE
from chainer_pose.sources import synthetic


def reporting():
    """Where the updaters' reports go, in a with statement: nowhere."""
    return chainer.Reporter().scope({})


class Ours:
    """The step as train.py runs it."""

    def __init__(self, options, data, device, team=ALONE):
        self.device = device
        self.parsed = train_script.parse_options(
            ['--dataset', 'none.h5', '--out', 'none', '--iterations', '1000', '--accuracy-cap', '1',
             '--batchsize', str(options.batchsize), '--n-unit', str(options.n_unit)]
        )  # fmt: skip
        rows = datasets.training_rows(data)
        trainer = trainers.make_trainer(self.parsed, data, rows, None, device, team)
        self.updater = trainer.updater
        self.links = {name: self.updater.get_optimizer(name).target for name in ('gen', 'dis')}

    def __call__(self):
        with chainer.using_config('type_check', False):
            self.updater.update()

    def wait(self):
        """Until the device has done what it was given."""
        if self.device.xp is not np:
            self.device.device.synchronize()


class Plain(Ours):
    """The step as a tutorial would write it, with Chainer as it comes."""

    def __init__(self, ours, data, device):
        self.device = device
        parsed, optimizers = ours.parsed, {}
        for name, link in ours.links.items():
            copy = TextbookMLP(link.l1.W.shape[1], link.l4.W.shape[0], parsed.n_unit)
            copy.copyparams(link)
            copy.to_device(device)
            optimizers[name] = chainer.optimizers.Adam(parsed.alpha, parsed.beta1).setup(copy)
            optimizers[name].add_hook(chainer.optimizer_hooks.WeightDecay(parsed.weight_decay))
        self.updater = TextbookUpdater(
            chainer.iterators.SerialIterator(datasets.training_rows(data), parsed.batchsize),
            optimizers,
            data.skeleton.angle_joints,
            np.random.default_rng(0),
            cap=parsed.accuracy_cap,
            device=device,
        )

    def __call__(self):
        self.updater.update()


class Torch:
    """The step in eager PyTorch, with its fused Adam."""

    def __init__(self, ours, data, device):
        import torch

        self.torch, parsed = torch, ours.parsed
        self.place = 'cpu' if device.xp is np else f'cuda:{device.device.id}'
        self.cap, self.batchsize = parsed.accuracy_cap, parsed.batchsize
        self.joints = data.skeleton.angle_joints
        self.rows = torch.from_numpy(datasets.training_rows(data)).to(self.place)
        self.order = torch.randperm(len(self.rows), device=self.place)
        self.position, self.params, self.optimizers = 0, {}, {}
        for name, link in ours.links.items():
            self.params[name] = [
                torch.from_numpy(chainer.get_device('@numpy').send(param.array).copy())
                .to(self.place)
                .requires_grad_()
                for _, param in sorted(link.namedparams())
            ]
            self.optimizers[name] = torch.optim.Adam(
                self.params[name], lr=parsed.alpha, betas=(parsed.beta1, 0.999),
                weight_decay=parsed.weight_decay, fused=True,
            )  # fmt: skip

    def _mlp(self, name, x):
        F, params = self.torch.nn.functional, self.params[name]
        (w1, b1), (w2, b2), (w3, b3), (w4, b4) = itertools.zip_longest(*[iter(params)] * 2)
        h1 = F.leaky_relu(F.linear(x, w1, b1), 0.2)
        h2 = F.leaky_relu(F.linear(h1, w2, b2), 0.2)
        h3 = F.leaky_relu(F.linear(h2, w3, b3) + h1, 0.2)
        return F.linear(h3, w4, b4)

    def _angle_loss(self, x, z):
        nose, neck, left, right = self.joints
        v_x, v_z = x[:, nose] - x[:, neck], z[:, nose] - z[:, neck]
        w_x, w_z = x[:, left] - x[:, right], z[:, left] - z[:, right]
        lengths = ((v_x**2 + v_z**2) * (w_x**2 + w_z**2) + 1e-8).sqrt()
        return (-(v_x * w_z - v_z * w_x) / lengths).relu().mean()

    def __call__(self):
        torch, softplus = self.torch, self.torch.nn.functional.softplus
        if self.position + self.batchsize > len(self.rows):
            self.order = torch.randperm(len(self.rows), device=self.place)
            self.position = 0
        drawn = self.order[self.position : self.position + self.batchsize]
        self.position += self.batchsize
        real = self.rows[drawn]

        z = self._mlp('gen', real)
        angle = (torch.rand(len(real), 1, device=self.place) * 2 - 1) * torch.pi
        x, y = real[:, 0::2], real[:, 1::2]
        fake = torch.stack([x * angle.cos() + z * angle.sin(), y], dim=2).reshape(real.shape)
        y_real, y_fake = self._mlp('dis', torch.cat([real, fake])).split(len(real))
        gen_loss = softplus(-y_fake).mean() + self._angle_loss(x, z)
        dis_loss = softplus(-y_real).mean() + softplus(y_fake).mean()
        accuracy = ((y_real > 0).sum() + (y_fake < 0).sum()).item() / (2 * len(real))

        # Only what is needed: G's loss asks for no gradient of D's parameters.
        losses = {'gen': gen_loss, 'dis': dis_loss}
        may = {'gen': not accuracy < 1 - self.cap, 'dis': not accuracy > self.cap}
        for name, params in self.params.items():
            if may[name]:
                gradients = torch.autograd.grad(losses[name], params, retain_graph=name == 'gen')
                for param, gradient in zip(params, gradients):
                    param.grad = gradient
        for name, optimizer in self.optimizers.items():
            if may[name]:
                optimizer.step()

    def wait(self):
        if self.place != 'cpu':
            self.torch.cuda.synchronize(self.place)


def time_sides(sides, rounds, steps):
    """Median seconds of a step of each side, which take turns: dict."""
    times = {name: [] for name in sides}
    for turn, name in itertools.product(range(rounds + 1), sides):
        side = sides[name]
        time.sleep(0.05)  # the last side's threads may still be spinning
        side()
        side.wait()
        start = time.perf_counter()
        for _ in range(steps):
            side()
        side.wait()
        if turn:  # the first turn warms up
            times[name].append((time.perf_counter() - start) / steps)
    return {name: statistics.median(values) for name, values in times.items()}


class Parts(chainer.FunctionHook):
    """Seconds in the arithmetic of each kind of function, forward and backward alike.

    Chainer's backward pass calls functions, too, so that what is timed between
    the hooks of a call is never nested.
    """

    name = 'Parts'

    def __init__(self, wait):
        self.seconds, self.calls, self._wait = Counter(), Counter(), wait

    def forward_preprocess(self, function, in_data):
        self._wait()
        self._start = time.perf_counter()

    def forward_postprocess(self, function, in_data):
        self._wait()
        self.seconds[function.label] += time.perf_counter() - self._start
        self.calls[function.label] += 1


@contextlib.contextmanager
def timed(owner, method, seconds, label, wait):
    """Add what calls of owner.method take to seconds[label]."""
    original = getattr(owner, method)

    def wrapper(*args, **kwargs):
        wait()
        start = time.perf_counter()
        result = original(*args, **kwargs)
        wait()
        seconds[label] += time.perf_counter() - start
        return result

    setattr(owner, method, wrapper)
    yield
    setattr(owner, method, original)


def profile(side, steps):
    """Print where the time of a step goes."""
    side()
    parts = Parts(side.wait)
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        for name, optimizer in side.updater.get_all_optimizers().items():
            stack.enter_context(
                timed(optimizer, 'update', parts.seconds, f'Adam ({name})', side.wait)
            )
        stack.enter_context(parts)
        for _ in range(steps):
            side()
    total = time.perf_counter() - start
    parts.seconds['the rest: Python, graph, drawing'] = total - sum(parts.seconds.values())
    print('| part | calls a step | ms a step | share, % |\n| --- | ---: | ---: | ---: |')
    for label, seconds in parts.seconds.most_common():
        calls = f'{parts.calls[label] / steps:.0f}' if label in parts.calls else ''
        print(f'| {label} | {calls} | {1000 * seconds / steps:.2f} | {100 * seconds / total:.0f} |')
    print(f'| all | | {1000 * total / steps:.2f} | 100 |')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--gpu', type=int, default=-1, metavar='N')
    parser.add_argument('--batchsize', type=int, default=16)
    parser.add_argument('--n-unit', type=int, default=1024)
    parser.add_argument('--rounds', type=int, default=15, help='turns of each side')
    parser.add_argument('--steps', type=int, default=20, help='of a turn')
    parser.add_argument('--json', metavar='FILE', help='write the steps a second and ratios there')
    parser.add_argument('--profile', action='store_true', help='where our time goes, instead')
    options = parser.parse_args()

    device = devices.get_device(options.gpu)
    device.use()
    data = synthetic.make()['train']
    print(where())
    ours = Ours(options, data, device)
    with reporting():
        if options.profile:
            return profile(ours, options.rounds * options.steps)
        sides = {'plain': Plain(ours, data, device), 'ours': ours}
        try:
            sides['torch'] = Torch(ours, data, device)
        except ImportError:
            print('no PyTorch: pip install .[bench]')
        seconds = time_sides(sides, options.rounds, options.steps)
    rates = {name: 1 / value for name, value in seconds.items()}
    ratios = {f'ratio_{name}': rates['ours'] / rates[name] for name in rates if name != 'ours'}
    print(
        '| side | ms a step | steps a second | ours, times as fast |\n| --- | ---: | ---: | ---: |'
    )
    for name, rate in rates.items():
        print(f'| {name} | {1000 / rate:.2f} | {rate:.1f} | {rates["ours"] / rate:.2f} |')
    if options.json:
        with open(options.json, 'w') as file:
            json.dump({**rates, **ratios}, file)
            file.write('\n')


if __name__ == '__main__':
    main()
