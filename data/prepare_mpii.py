#!/usr/bin/env python
"""Convert MPII Human Pose: people in the wild, 2D only."""

import sys

from chainer_pose.commands import prepare
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(lambda: prepare.main(['mpii', *sys.argv[1:]]))
