"""The verbs of the command line for Python.

    from scripts import api

    settings = api.configuration("weft", pes=16)
    print(api.generate(settings, out_dir="out").verilog)
    result = api.demo(settings, digits=20)
    assert result.bit_exact

Each returns what the command prints, and raises a `scripts.errors.WeftError` where the command
ends with an error.
"""

import functools

from . import compress as _compress
from . import demo as _demo
from . import doctor as _doctor
from . import generate as _generate
from . import inspection as _inspection
from . import simulate as _simulate
from . import simulate_dense as _simulate_dense
from . import synthesize as _synthesize
from . import synthesize_parts as _synthesize_parts
from .bench import area as _area
from .bench import compress as _bench_compress
from .bench import dense as _bench_dense
from .bench import energy as _bench_energy
from .bench import huffman as _bench_huffman
from .bench import quantise as _bench_quantise
from .bench import sparse as _bench
from .bench import ternary as _bench_ternary
from .bench import tpu as _bench_tpu
from .progress import Steps
from .records import write_records
from .settings import configuration

__all__ = ["bench", "bench_area", "bench_compress", "bench_dense", "bench_energy", "bench_huffman",
           "bench_quantise", "bench_ternary", "bench_tpu", "compress", "configuration", "demo",
           "doctor", "generate", "inspect", "simulate", "simulate_dense", "synthesize",
           "synthesize_parts", "write_records"]


def _quietly(function):
    """The same function; it shows its progress only if it is given `steps`."""
    @functools.wraps(function)
    def call(*arguments, steps=None, **options):
        return function(*arguments, steps=Steps(quiet=True) if steps is None else steps, **options)
    return call


bench = _quietly(_bench.bench)
bench_area = _quietly(_area.bench)
bench_compress = _quietly(_bench_compress.bench)
bench_dense = _quietly(_bench_dense.bench)
bench_energy = _quietly(_bench_energy.bench)
bench_huffman = _quietly(_bench_huffman.bench)
bench_quantise = _quietly(_bench_quantise.bench)
bench_ternary = _quietly(_bench_ternary.bench)
bench_tpu = _quietly(_bench_tpu.bench)
compress = _quietly(_compress.compress)
doctor = _quietly(_doctor.diagnose)
demo = _quietly(_demo.demo)
generate = _quietly(_generate.generate)
inspect = _inspection.inspect
simulate = _quietly(_simulate.simulate)
simulate_dense = _quietly(_simulate_dense.simulate)
synthesize = _quietly(_synthesize.synthesize)
synthesize_parts = _quietly(_synthesize_parts.synthesize_parts)
