#!/usr/bin/env python
"""Convert Human3.6M, from any of its public copies."""

from chainer_pose.commands.prepare import run

if __name__ == '__main__':
    run('h36m')
