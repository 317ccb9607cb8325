#!/usr/bin/env python
"""Make the synthetic data: a stand-in for real motion, made in seconds."""

from chainer_pose.commands.prepare import run

if __name__ == '__main__':
    run('synthetic')
