"""Miniature copies of foreign data, written exactly in their public layouts.

Also used at full size by benchmarks/scale.py. The projections here are
written apart from those of chainer_pose, to be compared with them.
"""

import dataclasses
import functools
import json

import h5py
import numpy as np
import scipy.io

from chainer_pose.datasets.readers import h36m, rig, synthetic
from chainer_pose.skeletons import H36M17

RAW_S1 = {'Photo': 'TakingPhoto', 'WalkDog': 'WalkingDog'}
# As 3d-pose-baseline names Stacked Hourglass's joints, to the 17 without Neck/Nose.
SH_TO_16 = (6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10)
WITHOUT_NOSE = [j for j in range(17) if j != 9]


def spread_to_32(pose):
    """(F, 17, D) to (F, 32, D), the joints that are not kept at the root."""
    full = np.repeat(pose[:, :1], 32, axis=1)
    full[:, list(h36m.KEPT_OF_32)] = pose
    return full


def subject_cameras(subject):
    """The four cameras, moved a little for each subject."""
    shift = np.array([11.0, -7.0, 5.0]) * h36m.SUBJECTS.index(subject)
    return [dataclasses.replace(camera, T=camera.T + shift) for camera in rig.four_cameras()]


def project(camera, world):
    """Project as 3d-pose-baseline's cameras.py documents it, point by point."""
    points = world.reshape(-1, 3).T - np.reshape(camera.T, (3, 1))
    x, y, z = camera.R @ points
    x, y = x / z, y / z
    r2 = x * x + y * y
    k1, k2, k3 = camera.k
    p1, p2 = camera.p
    factor = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * y + p2 * x
    u = camera.f[0] * (x * factor + p2 * r2) + camera.c[0]
    v = camera.f[1] * (y * factor + p1 * r2) + camera.c[1]
    return np.stack([u, v], axis=1).reshape(*world.shape[:-1], 2)


def takes(frames=20, subjects=h36m.SUBJECTS, actions=('Directions', 'Photo', 'WalkDog'), seed=3):
    """World poses, mm, of (subject, action, number): dict to (F, 17, 3) float32."""
    rng = np.random.default_rng(seed)
    world = {}
    for subject in subjects:
        lengths = synthetic.draw_body(1700 + 20 * rng.standard_normal(), rng)
        for action in actions:
            for number in (0, 1):
                pose = synthetic.draw_take(action, lengths, rng)
                start = rng.integers(len(pose) - frames + 1) if frames <= len(pose) else 0
                pose = np.resize(pose, (frames, 17, 3)) if frames > len(pose) else pose
                take = h36m.Take(subject, action, number)
                world[take] = pose[start : start + frames].astype(np.float32)
    return world


def take_name(take, raw=False):
    """'Directions 1'; raw, as the official archive has it, S1's Photo is TakingPhoto."""
    action = RAW_S1.get(take.action, take.action) if raw and take.subject == 'S1' else take.action
    return f'{action} {take.number}' if take.number else action


def detect(camera, world, seed=0):
    """Made-up detections: the projection with some noise, (F, 17, 2) float32."""
    noise = np.random.default_rng(seed).normal(0, 4, (*world.shape[:2], 2))
    return (project(camera, world) + noise).astype(np.float32)


def to_hourglass(pose):
    """(F, 17, 2) to Stacked Hourglass's 16 joints in its own order."""
    raw = np.empty((len(pose), 16, 2), pose.dtype)
    raw[:, list(SH_TO_16)] = pose[:, WITHOUT_NOSE]
    return raw


def to_coco(pose):
    """(F, 17, 2) to COCO's 17 joints, eyes and ears near nose and head."""
    at = dict(zip(H36M17.names, np.moveaxis(pose, 1, 0)))
    nose, head = at['Neck/Nose'], at['Head']
    limbs = [at[side + j] for j in ('Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Foot')
             for side in 'LR']  # fmt: skip
    return np.stack([nose, nose, nose, head, head, *limbs], axis=1)


def write_metadata(path, subjects=h36m.SUBJECTS):
    """metadata.xml of the official release: w0 with the cameras of eleven subjects."""
    w0 = np.zeros(300)
    for i in range(4):
        for subject in subjects:
            camera, start = subject_cameras(subject)[i], 6 * (11 * i + int(subject[1:]) - 1)
            w0[start : start + 6] = [*euler(camera.R), *camera.T]
        w0[264 + 9 * i : 273 + 9 * i] = [*camera.f, *camera.c, *camera.k, *camera.p]
    numbers = ' '.join(f'{x:.12g}' for x in w0)
    path.write_text(
        f'<?xml version="1.0"?>\n<metadata><fps>50</fps><w0>[{numbers}]</w0></metadata>'
    )


def euler(R):
    """Angles with R = Rx(a) Ry(b) Rz(c)."""
    return np.arctan2(-R[1, 2], R[2, 2]), np.arcsin(R[0, 2]), np.arctan2(-R[0, 1], R[0, 0])


def write_cameras(path, subjects=h36m.SUBJECTS, transposed=True):
    """cameras.h5 of 3d-pose-baseline; its R is stored transposed."""
    with h5py.File(path, 'w') as file:
        for subject in subjects:
            for i, camera in enumerate(subject_cameras(subject), start=1):
                group = file.create_group(f'subject{subject[1:]}/camera{i}')
                group['R'] = camera.R.T if transposed else camera.R
                for key in 'Tfckp':
                    group[key] = np.reshape(getattr(camera, key), (-1, 1)).astype(float)
                group['Name'] = np.array([[ord(c)] for c in camera.name], np.uint16)


def write_baseline(root, world, detections=('StackedHourglass',), missing=True, raw=False):
    """3d-pose-baseline's folders."""
    for take, pose in world.items():
        folder = root / take.subject / 'MyPoses' / '3D_positions'
        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / f'{take_name(take, raw)}.h5', 'w') as file:
            file['3D_positions'] = spread_to_32(pose).reshape(len(pose), 96).T
        for name in detections:
            folder = root / take.subject / name
            folder.mkdir(parents=True, exist_ok=True)
            for i, camera in enumerate(subject_cameras(take.subject)):
                if missing and (take.subject, take.action, i) == ('S11', 'Directions', 0):
                    continue
                stem = take_name(take).replace(' ', '_')
                with h5py.File(folder / f'{stem}.{camera.name}.h5', 'w') as file:
                    file['poses'] = to_hourglass(detect(camera, pose, seed=i))
    write_cameras(root / 'cameras.h5', {take.subject for take in world})


def write_videopose3d(root, world, detections=('sh_pt_mpii',), longer=3, labelled=True):
    """VideoPose3D's npz files; the detections run `longer` frames on."""
    root.mkdir(parents=True, exist_ok=True)
    metadata = {'num_joints': 17, 'keypoints_symmetry': [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14]]}

    def write(name, key, make, **more):
        nested = {}
        for take, pose in world.items():
            nested.setdefault(take.subject, {})[take_name(take)] = make(take, pose)
        np.savez_compressed(root / f'{name}.npz', **{key: nested}, **more)

    def views(project):
        def make(take, pose):
            return [project(c, pose, i) for i, c in enumerate(subject_cameras(take.subject))]

        return make

    def run_on(camera, pose, i, to):
        seen = to(detect(camera, pose, seed=i))
        return np.concatenate([seen, np.repeat(seen[-1:], longer, axis=0)])

    def joints(name):
        if name.startswith('sh'):
            return to_hourglass
        return to_coco if 'coco' in name else np.asarray

    write('data_3d_h36m', 'positions_3d', lambda _, p: (spread_to_32(p) / 1000).astype('f4'))
    exact = views(lambda camera, pose, _: project(camera, pose.astype(float)).astype('f4'))
    write('data_2d_h36m_gt', 'positions_2d', exact, metadata=metadata)
    for name in detections:
        detected = views(functools.partial(run_on, to=joints(name)))
        layout = {'layout_name': next(k for k in ('coco', 'mpii', 'h36m') if k in name)}
        more = {'metadata': metadata | layout} if labelled else {}
        write(f'data_2d_h36m_{name}', 'positions_2d', detected, **more)


def write_archive(root, world, mono=True, pixels=True, positions=True):
    """The official archive, unpacked: CDF files with a variable Pose."""
    for take, pose in world.items():
        features = root / take.subject / 'MyPoseFeatures'
        name = take_name(take, raw=True)
        if positions:
            write_cdf(features / 'D3_Positions' / f'{name}.cdf', spread_to_32(pose))
        for camera in subject_cameras(take.subject):
            if mono:
                seen = (spread_to_32(pose).astype(float) - camera.T) @ camera.R.T
                write_cdf(features / 'D3_Positions_mono' / f'{name}.{camera.name}.cdf', seen)
            if pixels:
                image = project(camera, spread_to_32(pose).astype(float))
                write_cdf(features / 'D2_Positions' / f'{name}.{camera.name}.cdf', image)


def write_cdf(path, pose):
    """A CDF file with Pose of shape (1, F, 32 D)."""
    from cdflib.cdfwrite import CDF

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pose.reshape(1, len(pose), -1).astype(np.float32)
    cdf = CDF(str(path), delete=True)
    spec = {
        'Variable': 'Pose', 'Data_Type': CDF.CDF_FLOAT, 'Num_Elements': 1, 'Rec_Vary': True,
        'Dim_Sizes': list(rows.shape[1:]),
    }  # fmt: skip
    cdf.write_var(spec, var_data=rows)
    cdf.close()


def mpii_people(n_images=6, seed=4):
    """Annotations as MPII has them: a list of images, each a list of people.

    A person is {'center': (x, y), 'joints': {id: (x, y)}} in MATLAB's pixels,
    counted from 1; every fourth lacks some joints.
    """
    rng = np.random.default_rng(seed)
    images = [[] for _ in range(n_images)]
    for i, people in enumerate(images):
        for j in range(1 + i % 3):
            joints = rng.uniform(50, 900, (16, 2)).round(2)
            ids = range(16) if (i + j) % 4 else range(3, 12)
            center = tuple(rng.uniform(200, 800, 2).round(1))
            people.append({'center': center, 'joints': {k: tuple(joints[k]) for k in ids}})
    return images


def write_mpii_json(path, images, shift=0.0, start=0):
    """The JSON form: a list of people, joints not labelled at -1."""
    entries = []
    for i, people in enumerate(images, start=start):
        for person in people:
            joints = [person['joints'].get(k, (-1.0, -1.0)) for k in range(16)]
            entries.append(
                {
                    'image': f'{i:09d}.jpg',
                    'center': list(person['center']),
                    'scale': 3.1,
                    'joints': [[x + shift, y + shift] for x, y in joints],
                    'joints_vis': [int(k in person['joints']) for k in range(16)],
                }
            )
    path.write_text(json.dumps(entries))


def _mpii_release(images, rng):
    """RELEASE as nested dicts; points in any order, fields absent here and there."""
    annolist = []
    for i, people in enumerate(images):
        rects = []
        for j, person in enumerate(people):
            points = [
                {'x': x, 'y': y, 'id': float(k)}
                | ({} if (i + j) % 2 else {'is_visible': '1' if k % 2 else ''})
                for k, (x, y) in person['joints'].items()
            ]
            rng.shuffle(points)
            place = dict(zip('xy', person['center']))
            rects.append({'scale': 3.1, 'objpos': place, 'annopoints': {'point': points}})
        rects.append({'scale': 1.0, 'objpos': {'x': 1.0, 'y': 1.0}, 'annopoints': []})
        annolist.append({'image': {'name': f'{i:09d}.jpg'}, 'annorect': rects})
    annolist.append({'image': {'name': 'test.jpg'}, 'annorect': []})
    annolist.append({'image': {'name': 'test2.jpg'}, 'annorect': [{'scale': 2.0}]})
    return {'annolist': annolist, 'img_train': [1.0] * len(images) + [0.0, 0.0]}


def write_mpii_mat(path, images, v73=False):
    """The official file, as MATLAB's version 5 or, by h5py, 7.3."""
    release = _mpii_release(images, np.random.default_rng(5))
    if v73:
        write_v73(path, {'RELEASE': release})
    else:
        scipy.io.savemat(path, {'RELEASE': structs(release)})


def structs(value):
    """Lists of dicts as the struct arrays that savemat writes."""
    if isinstance(value, dict):
        return {key: structs(item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        keys = sorted({key for item in value for key in item})
        array = np.empty((1, len(value)), dtype=[(key, object) for key in keys])
        for i, item in enumerate(value):
            for key in keys:
                array[0, i][key] = structs(item.get(key, []))
        return array
    return np.zeros((0, 0)) if isinstance(value, list) and not value else value


def write_v73(path, variables):
    """A MATLAB file of version 7.3: HDF5 whose structs and cells hold references."""

    def put(group, name, value):
        if isinstance(value, dict):
            struct = group.create_group(name)
            for key, item in value.items():
                put(struct, key, item)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            struct = group.create_group(name)
            for key in sorted({key for item in value for key in item}):
                struct[key] = references([item.get(key, []) for item in value])
        elif isinstance(value, tuple):  # a cell
            group[name] = references(value)
            group[name].attrs['MATLAB_class'] = np.bytes_('cell')
        else:
            is_text, is_empty = isinstance(value, str), isinstance(value, (str, list)) and not value
            codes = [ord(c) for c in value] if is_text else value
            empty, kind = np.zeros(2, np.uint64), np.uint16 if is_text else float
            group[name] = empty if is_empty else np.atleast_2d(np.asarray(codes, kind)).T
            group[name].attrs['MATLAB_class'] = np.bytes_('char' if is_text else 'double')
            if is_empty:
                group[name].attrs['MATLAB_empty'] = 1

    def references(values):
        refs = []
        for value in values:
            name = str(len(file.require_group('#refs#')))
            put(file['#refs#'], name, value)
            refs.append(file['#refs#'][name].ref)
        return np.array([refs], h5py.ref_dtype).T

    with h5py.File(path, 'w', userblock_size=512) as file:
        for name, value in variables.items():
            put(file, name, value)


# notes: the 28 joints' and the test set's order to Human3.6M's 17
TRAIN28_TO_17 = (4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16)
TEST17_TO_17 = (14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4)
TEST_COUNTS = {'TS1': 7, 'TS2': 6, 'TS3': 5, 'TS4': 5, 'TS5': 4, 'TS6': 6}


def write_3dhp_train(path, n, v73=False, seed=0, n_cameras=14):
    """annot.mat; returns {name: list of (n, 28, D) by camera}."""
    rng = np.random.default_rng(seed)
    arrays = {
        name: [
            rng.uniform(100, 1900, (n, 28, dims)).round(1) + (3000 if dims == 3 else 0)
            for _ in range(n_cameras)
        ]
        for name, dims in (('annot2', 2), ('annot3', 3), ('univ_annot3', 3))
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = {name: tuple(a.reshape(n, -1) for a in cell) for name, cell in arrays.items()}
    if v73:
        write_v73(path, cells)
        return arrays
    objects = {name: np.empty((n_cameras, 1), object) for name in cells}
    for name, cell in cells.items():
        for i, array in enumerate(cell):
            objects[name][i, 0] = array
    scipy.io.savemat(path, objects)
    return arrays


def write_3dhp_test(path, n_valid, seed=0):
    """annot_data.mat (7.3); every third frame is not valid; returns its arrays."""
    rng = np.random.default_rng(seed)
    n = n_valid + n_valid // 2
    valid = np.ones(n)
    valid[1 : 1 + 2 * (n - n_valid) : 2] = 0
    data = {
        'annot2': rng.uniform(100, 1900, (n, 1, 17, 2)),
        'annot3': rng.uniform(100, 1900, (n, 1, 17, 3)) + 3000,
        'univ_annot3': rng.uniform(100, 1900, (n, 1, 17, 3)) + 3000,
        'valid_frame': valid[:, None],
        'activity_annotation': rng.integers(1, 8, (n, 1)).astype(float),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w', userblock_size=512) as file:
        for name, array in data.items():
            file[name] = array
            file[name].attrs['MATLAB_class'] = np.bytes_('double')
    return data


def write_3dhp(root, n=40):
    """A whole miniature MPI-INF-3DHP."""
    for i in range(1, 9):
        for sequence in ('Seq1', 'Seq2'):
            write_3dhp_train(root / f'S{i}' / sequence / 'annot.mat', n, seed=i)
    for i, (subject, count) in enumerate(TEST_COUNTS.items()):
        folder = root / 'mpi_inf_3dhp_test_set' / subject
        write_3dhp_test(folder / 'annot_data.mat', count, seed=i)
