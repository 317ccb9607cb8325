#!/usr/bin/env python
"""Convert MPII Human Pose: people in the wild, 2D only."""

from chainer_pose.commands.prepare import run

if __name__ == '__main__':
    run('mpii')
