"""Errors of lifted poses, and their tables."""

from chainer_pose.evaluations.pck import PCKResult, PCKScore, evaluate_pck
from chainer_pose.evaluations.protocols import (
    PROTOCOL_NOTES,
    PROTOCOLS,
    Result,
    Score,
    by_action,
    evaluate,
    lift,
    measurable,
    normalized,
    over_runs,
    rescale,
)

__all__ = [
    'PROTOCOLS', 'PROTOCOL_NOTES', 'PCKResult', 'PCKScore', 'Result', 'Score', 'by_action',
    'evaluate', 'evaluate_pck', 'lift', 'measurable', 'normalized', 'over_runs', 'rescale',
]  # fmt: skip
