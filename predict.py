#!/usr/bin/env python
"""Lift anyone's 2D keypoints to 3D with trained weights."""

from chainer_pose.commands.predict import main
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(main)
