"""List the skeletons that come with the package, or show and draw one."""

from collections.abc import Sequence

from chainer_pose import skeletons, visualizations
from chainer_pose.utils import cli, files


def describe(skeleton: skeletons.Skeleton) -> str:
    """Describe a skeleton in some lines: joints, pairs, the joints of the angle loss."""
    lines = [
        f'{skeleton.name}: {len(skeleton.detected)} joints, root {skeleton.names[skeleton.root]}'
    ]
    for name, side, parent in zip(skeleton.names, skeleton.sides, skeleton.parents):
        above = f'parent {skeleton.names[parent]}' if parent >= 0 else 'root'
        parts = skeleton.virtual_joints.get(name)
        mean = f', mean of {" and ".join(parts)}' if parts else ''
        lines.append(f'  {name:12} {side:7} {above}{mean}')
    pairs = ', '.join(f'{left}-{right}' for left, right in skeleton.pairs)
    lines.append(f'  left-right pairs: {pairs or "none"}')
    angle = skeleton.angle and ', '.join(f'{k} {v}' for k, v in skeleton.angle.items())
    lines.append(f'  angle loss: {angle or "none: poses may be mirrored in depth"}')
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = cli.Parser(prog='chainer_pose.skeletons', description=__doc__)
    parser.add_argument(
        'skeleton', nargs='?', metavar='NAME|FILE.json', help='the one to show (default: list all)'
    )
    parser.add_argument('--out', metavar='FILE.png', help='draw it, with its joints named')
    options = parser.parse_args(argv)
    if options.skeleton is None:
        if options.out:
            parser.error('argument --out: expected NAME or FILE.json, too, found none')
        for name in skeletons.names():
            print(describe(skeletons.get(name)).splitlines()[0])
        return
    skeleton = skeletons.get(options.skeleton)
    print(describe(skeleton))
    if options.out:
        with files.writing(options.out), files.atomic_path(options.out) as temporary:
            visualizations.skeleton_sheet(skeleton).savefig(temporary, dpi=150)


if __name__ == '__main__':
    cli.run(main)
