#!/usr/bin/env python
"""Convert 2D keypoints of detectors or annotators, to learn from them."""

from chainer_pose.commands.prepare import run

if __name__ == '__main__':
    run('keypoints')
