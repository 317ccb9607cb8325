#!/usr/bin/env python
"""Convert 2D keypoints of detectors or annotators, to learn from them."""

import sys

from chainer_pose.commands import prepare
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(lambda: prepare.main(['keypoints', *sys.argv[1:]]))
