#!/usr/bin/env python
"""Turn the cameras of a pose file onto the root joint."""

from chainer_pose.commands.prepare import run

if __name__ == '__main__':
    run('centered')
