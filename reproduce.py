#!/usr/bin/env python
"""Reproduce a table of the paper: prepare the data, train, measure and draw."""

from chainer_pose.commands.reproduce import run

if __name__ == '__main__':
    run()
