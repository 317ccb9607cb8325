"""The ways in which a run ends early, each told to the user in one line."""

from __future__ import annotations

import signal


class InputError(ValueError):
    """Something the user gave cannot be used: a file, an option, a device.

    The scripts print the message on one line and exit with status 2.

    Args:
        message: what was expected and what was found.
        argument: name and value of the argument at fault, if the message names no file:
            InputError('expected ..., found ...', gpu=3) reads "gpu 3: expected ..., found ...",
            and the scripts write it as their option, --gpu 3. A value of None is left out.
    """

    def __init__(self, message: str, **argument: object) -> None:
        named = ''.join(
            f'{name}: ' if value is None else f'{name} {value}: '
            for name, value in argument.items()
        )
        super().__init__(named + message)
        self.argument = next(iter(argument), '')


class NonFiniteError(ArithmeticError):
    """Training has diverged: a loss or a parameter is no longer finite.

    The scripts print the message on one line and exit with status 1.
    """


class Stopped(Exception):
    """Training was asked to end by a signal, and its snapshot is written.

    Args:
        number: of the signal; the scripts exit with status 128 + number.
        iteration: after which it ended.
    """

    def __init__(self, number: int, iteration: int) -> None:
        name = signal.Signals(number).name
        super().__init__(f'stopped by {name} after iteration {iteration}; --resume continues')
        self.number = number
