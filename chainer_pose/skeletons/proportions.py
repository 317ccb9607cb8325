"""Published proportions of the human body, as shares of its height.

Drillis and Contini 1966, as reprinted in Winter, Biomechanics and Motor Control of
Human Movement (2009), Fig. 4.1.
"""

# Heights above the floor of somebody who stands.
HEIGHT = {
    'ankle': 0.039, 'knee': 0.285, 'hip': 0.530, 'shoulder': 0.818, 'chin': 0.870,
    'eye': 0.936, 'top': 1.000,
}  # fmt: skip
HIP_BREADTH, SHOULDER_BREADTH = 0.191, 0.259
UPPER_ARM, FOREARM = 0.186, 0.146
