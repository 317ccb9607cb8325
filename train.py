#!/usr/bin/env python
"""Learn to lift 2D poses to 3D, from 2D poses alone (Kudo et al. 2018)."""

from chainer_pose.commands.train import run

if __name__ == '__main__':
    run()
