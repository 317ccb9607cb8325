#!/usr/bin/env python
"""Measure a trained generator: error per action, in millimetres."""

from chainer_pose.commands.evaluate import main
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(main)
