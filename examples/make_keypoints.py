#!/usr/bin/env python
"""Write keypoints.json: two made-up people as a detector of COCO's 17 keypoints sees them.

The layout is MMPose's for a video. One walks past, one waves; some joints are
hidden, and have a low score, as detectors give them.
"""

import json
from pathlib import Path

import numpy as np

from chainer_pose import skeletons
from chainer_pose.datasets.readers import rig, synthetic
from chainer_pose.skeletons import H36M17

HERE = Path(__file__).resolve().parent
COCO = skeletons.get('coco17')
PEOPLE = (('Walking', 11, (-700, -400)), ('Greeting', 11, (500, 500)))  # action, seed, place in mm


def face(world):
    """Eyes and ears, mm, out of the synthetic body's nose, head top and thorax."""
    at = {name: world[:, j] for j, name in enumerate(H36M17.names)}
    up = at['Head'] - at['Thorax']
    height = np.linalg.norm(up, axis=1, keepdims=True)
    up = up / height
    nose = at['Neck/Nose'] - at['Thorax']
    forward = nose - (nose * up).sum(axis=1, keepdims=True) * up
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    left = np.cross(up, forward)
    level = at['Thorax'] + 0.65 * height * up
    places = {}
    for side, sign in (('L', 1), ('R', -1)):
        places[f'{side}Eye'] = level + 80 * forward + sign * 32 * left
        places[f'{side}Ear'] = level - 5 * forward + sign * 72 * left
    return {'Nose': at['Neck/Nose'], **places}


def keypoints(world):
    """(F, 17, 3) world mm of COCO's keypoints."""
    known = face(world) | {name: world[:, j] for j, name in enumerate(H36M17.names)}
    known |= {f'{side}Ankle': known[f'{side}Foot'] for side in 'LR'}
    return np.stack([known[COCO.names[j]] for j in COCO.detected], axis=1)


def main():
    camera = rig.four_cameras()[0]
    instances = [[] for _ in range(synthetic.FRAMES)]
    for action, seed, (x, y) in PEOPLE:
        rng = np.random.default_rng(seed)
        world = synthetic.draw_take(action, synthetic.draw_body(1720, rng), rng)
        seen = camera.project(camera.world_to_camera(keypoints(world) + [x, y, 0]))
        seen += rng.normal(0, 1.5, seen.shape)  # px, as a detector's
        scores = rng.uniform(0.75, 0.98, seen.shape[:2])
        # The head hides eyes and nose of a person who looks away, else the far ear.
        depth = camera.world_to_camera(keypoints(world) + [x, y, 0])[:, :, 2]
        for name in ('Nose', 'LEye', 'REye', 'LEar', 'REar'):
            behind = depth[:, COCO.index(name)] > depth[:, :5].mean(axis=1) + 75
            scores[behind, COCO.index(name)] = 0.1
        if action == 'Walking':  # something hides a foot for a while
            scores[10:15, COCO.index('LAnkle')] = 0.15
        for frame, (pose, score) in enumerate(zip(seen, scores)):
            instances[frame].append(
                {
                    'keypoints': [[round(float(v), 1) for v in point] for point in pose],
                    'keypoint_scores': [round(float(s), 2) for s in score],
                }
            )
    frames = [
        json.dumps({'frame_id': i + 1, 'instances': people}) for i, people in enumerate(instances)
    ]
    text = '{"meta_info": {"dataset_name": "coco"},\n "instance_info": [\n'
    (HERE / 'keypoints.json').write_text(text + ',\n'.join(frames) + '\n]}\n', encoding='utf-8')


if __name__ == '__main__':
    main()
