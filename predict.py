#!/usr/bin/env python
"""Lift anyone's 2D keypoints to 3D with trained weights."""

from chainer_pose.commands.predict import run

if __name__ == '__main__':
    run()
