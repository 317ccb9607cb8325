#!/usr/bin/env python
"""Measure a trained generator: error per action, in millimetres."""

from chainer_pose.commands.evaluate import run

if __name__ == '__main__':
    run()
