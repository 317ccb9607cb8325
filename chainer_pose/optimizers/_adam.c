/* A step of Adam in one pass over memory, where NumPy needs fourteen (adam.py).

   The operations and their order are Chainer's, each rounded to float32, so that the
   numbers are NumPy's, bit for bit: setup.py must not let the compiler contract
   a * b + c. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>

/* Code for each width of the vector units, chosen when the module is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define VECTORS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTORS
#endif

VECTORS static void
adam(float *restrict p, float *restrict m, float *restrict v, const float *restrict g,
     Py_ssize_t n, float decay, float share1, float share2, float eps, float alpha)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        float a = p[i] * decay + g[i];
        m[i] += (a - m[i]) * share1;
        v[i] += (a * a - v[i]) * share2;
        p[i] -= alpha / (sqrtf(v[i]) + eps) * m[i];
    }
}

static PyObject *
step(PyObject *self, PyObject *args)
{
    Py_buffer p, m, v, g;
    double decay, share1, share2, eps, alpha;
    if (!PyArg_ParseTuple(args, "w*w*w*y*ddddd", &p, &m, &v, &g,
                          &decay, &share1, &share2, &eps, &alpha))
        return NULL;
    int fits = p.len == m.len && p.len == v.len && p.len == g.len;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        adam(p.buf, m.buf, v.buf, g.buf, p.len / (Py_ssize_t)sizeof(float),
             (float)decay, (float)share1, (float)share2, (float)eps, (float)alpha);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&p);
    PyBuffer_Release(&m);
    PyBuffer_Release(&v);
    PyBuffer_Release(&g);
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "expected four arrays of one size");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"step", step, METH_VARARGS,
     "step(p, m, v, g, decay, 1 - beta1, 1 - beta2, eps, alpha_t): contiguous float32"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_adam", NULL, 0, methods};

PyMODINIT_FUNC
PyInit__adam(void)
{
    return PyModule_Create(&module);
}
