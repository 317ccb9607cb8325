"""Errors of lifted poses, and their tables."""

from chainer_pose.evaluations.pck import NOT_AMONG_14, PCKResult, PCKScore, evaluate_pck
from chainer_pose.evaluations.protocols import (
    PROTOCOL_NOTES,
    PROTOCOLS,
    Result,
    Score,
    by_action,
    evaluate,
    lift,
    rescale,
)

__all__ = [
    'NOT_AMONG_14',
    'PROTOCOLS',
    'PROTOCOL_NOTES',
    'PCKResult',
    'PCKScore',
    'Result',
    'Score',
    'by_action',
    'evaluate',
    'evaluate_pck',
    'lift',
    'rescale',
]
