import chainer
import numpy as np

from chainer_pose.training.report_means import ReportMeans


def test_means_since_the_last_reading_whoever_stopped_between():
    means = ReportMeans(chainer.get_device('@numpy'))
    assert means.read() == {}
    for values in ((1.0, True), (2.0, False), (6.0, False)):
        means.add({'loss': chainer.Variable(np.array(values[0], 'f')), 'updated': values[1]})
        stored = chainer.serializers.npz.serialize(means)
        means = ReportMeans(chainer.get_device('@numpy'))
        chainer.serializers.NpzDeserializer(stored).load(means)
    means.add({'loss': np.float32(3), 'updated': True})
    assert means.read() == {'loss': 3.0, 'updated': 0.5}
    assert means.read() == {}
    means.add({'loss': np.float32(7), 'updated': False})
    assert means.read() == {'loss': 7.0, 'updated': 0.0}
