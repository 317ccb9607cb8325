"""List the skeletons that come with the package, or show and draw one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chainer_pose import skeletons
from chainer_pose.utils import cli, files

if TYPE_CHECKING:
    from chainer_pose.skeletons import Skeleton


def make_parser() -> argparse.ArgumentParser:
    parser = cli.Parser(prog='chainer_pose.skeletons', description=__doc__)
    parser.add_argument(
        'skeleton', nargs='?', metavar='NAME|FILE.json', help='the one to show (default: list all)'
    )
    parser.add_argument('--out', metavar='FILE.png', help='draw it there, with its joints named')
    return parser


def describe(skeleton: Skeleton) -> str:
    """A skeleton as lines of text: its joints, and what stands for what."""
    sides = dict(zip(skeleton.names, skeleton.sides))
    lines = [
        f'{skeleton.name}: {len(skeleton.detected)} joints, root {skeleton.names[skeleton.root]}'
    ]
    for name, parent in zip(skeleton.names, skeleton.parents):
        above = f'parent {skeleton.names[parent]}' if parent >= 0 else 'root'
        mean = (
            f', mean of {" and ".join(skeleton.virtual_joints[name])}'
            if name in skeleton.virtual_joints
            else ''
        )
        lines.append(f'  {name:12} {sides[name]:7} {above}{mean}')
    pairs = ', '.join(f'{left}-{right}' for left, right in skeleton.pairs)
    lines.append(f'  left-right pairs: {pairs or "none"}')
    angle = skeleton.angle and ', '.join(f'{k} {v}' for k, v in skeleton.angle.items())
    lines.append(f'  angle loss: {angle or "none: poses may be mirrored in depth"}')
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.skeleton is None:
        if options.out:
            parser.error('argument --out: expected NAME or FILE.json too, found none')
        for name in skeletons.names():
            known = skeletons.named(name)
            print(f'{name:16} {len(known.detected)} joints, root {known.names[known.root]}')
        return
    skeleton = skeletons.get(options.skeleton)
    print(describe(skeleton))
    if options.out:
        from chainer_pose import visualizations

        with files.writing(options.out), files.atomic_path(options.out) as temporary:
            visualizations.skeleton_sheet(skeleton).savefig(temporary, dpi=150)


if __name__ == '__main__':
    sys.argv[0] = str(Path(sys.argv[0]).parent.name)  # "skeleton", not "__main__.py"
    cli.run(main)
