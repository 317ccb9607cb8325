#!/usr/bin/env python
"""Convert CMU motion capture (ASF/AMC), seen by four cameras."""

from chainer_pose.commands.prepare import run

if __name__ == '__main__':
    run('cmu')
