"""The two ways in which a run ends early, each told to the user in one line."""


class InputError(ValueError):
    """Something the user gave cannot be used: a file, an option, a device.

    The message names it, what was expected and what was found. The scripts
    print it on one line and exit with status 2.
    """


class NonFiniteError(ArithmeticError):
    """Training has diverged: a loss or a parameter is no longer finite.

    The scripts print the message on one line and exit with status 1.
    """
