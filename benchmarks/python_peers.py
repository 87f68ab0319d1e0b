#!/usr/bin/python3
"""A hit and a miss of Python's memoizers, for comparison with memoize_benchmark.

    /usr/bin/python3 benchmarks/python_peers.py [--seconds=S] [--directory=D]

Measures joblib, diskcache and Python permacache and prints what google-benchmark would, as JSON. None of
them is required: of what cannot be imported it says in "missing" what to install.
"""

import argparse
import datetime
import dbm
import inspect
import itertools
import json
import os
import platform
import shelve
import statistics
import sys
import tempfile
import time
import warnings

computed = 0  # how often a memoizer had to call the function


def describe(x, y, z):
    global computed
    computed += 1
    return z + f"{x + y:f}"


class Joblib:
    name = "joblib"
    package = "python3-joblib"

    def __init__(self, directory):
        import joblib

        self.call = joblib.Memory(directory, verbose=0).cache(describe)
        self.close = lambda: None
        self.label = f"joblib {joblib.__version__}: a folder per result, not synced to disk"


class Diskcache:
    name = "diskcache"
    package = "python3-diskcache"

    def __init__(self, directory):
        import diskcache

        cache = diskcache.Cache(directory)
        self.call = cache.memoize()(describe)
        self.close = cache.close
        self.label = f"diskcache {diskcache.__version__}: SQLite with synchronous={cache.sqlite_synchronous}"


class PythonPermacache:
    """The package where it is installed, and else the same steps."""

    name = "python_permacache"
    package = "python3-filelock"  # what the steps need; the package itself needs it, too

    def __init__(self, directory):
        # The package would take the folder of the user otherwise.
        path = os.path.join(os.path.abspath(directory), "describe")
        try:
            from permacache import permacache

            self.call = permacache(path)(describe)
            self.close = self.call.shelf.close
            self.label = "the package itself: a shelf, not synced to disk"
        except ImportError:
            import filelock

            self.call = Shelved(describe, path, filelock.FileLock)
            self.close = self.call.close
            self.label = f"its steps: a shelf ({self.call.kind_of_shelf()}), not synced to disk"


class Shelved:
    """What a call of Python permacache does: results in a shelf, in memory as long as only we write them."""

    def __init__(self, function, path, file_lock):
        os.makedirs(path)
        self._function = function
        self._lock = file_lock(os.path.join(path, "lock"))
        self._time_path = os.path.join(path, "time")
        self._shelf_path = os.path.join(path, "shelf")
        self._shelf = shelve.open(self._shelf_path)
        self._memory = {}
        self._memory_since = 0.0
        self._note_modification()

    def __call__(self, *args, **kwargs):
        # Asked anew for each call, as there.
        bound = inspect.signature(self._function).bind(*args, **kwargs)
        bound.apply_defaults()
        key = json.dumps(dict(bound.arguments), sort_keys=True)
        with self._lock:
            if self._contains(key):
                return self._read(key)
        # Others may use the shelf meanwhile.
        value = self._function(*args, **kwargs)
        with self._lock:
            self._store(key, value)
        return value

    def close(self):
        self._shelf.close()

    def kind_of_shelf(self):
        return dbm.whichdb(self._shelf_path)

    # Each of these three asks for itself whether what is in memory still holds, as each does there.

    def _contains(self, key):
        self._drop_memory_if_stale()
        return key in self._memory or key in self._shelf

    def _read(self, key):
        self._drop_memory_if_stale()
        if key not in self._memory:
            self._memory[key] = self._shelf[key]
        return self._memory[key]

    def _store(self, key, value):
        self._drop_memory_if_stale()
        self._memory[key] = value
        self._shelf[key] = value
        self._note_modification()

    def _drop_memory_if_stale(self):
        with open(self._time_path) as file:
            modified = float(file.read())
        if modified > self._memory_since:
            self._memory = {}
            self._memory_since = time.time()

    def _note_modification(self):
        self._memory_since = time.time()
        with open(self._time_path, "w") as file:
            file.write(str(self._memory_since))


def time_batches(call, seconds):
    """Calls until the time is over. Returns the median of the batches, in nanoseconds per call, and all calls."""
    clock = time.perf_counter_ns
    end = clock() + int(seconds * 1e9)
    calls_per_batch = 1
    batches = []
    calls = 0
    while not batches or clock() < end:
        begin = clock()
        for _ in range(calls_per_batch):
            call()
        duration = clock() - begin
        calls += calls_per_batch
        # Batches grow until there will be some twenty; the clock is nothing beside one.
        if duration < seconds * 1e9 / 40 and clock() < end:
            calls_per_batch *= 2
            batches = []
        else:
            batches.append(duration / calls_per_batch)
    return statistics.median(batches), calls


def time_hits(call, seconds):
    call(1, 2.5, "short")
    before = computed
    figures = time_batches(lambda: call(1, 2.5, "short"), seconds)
    if computed != before or call(1, 2.5, "short") != "short3.500000":
        raise RuntimeError("hits were misses")
    return figures


def time_misses(call, seconds):
    x = itertools.count(1000)
    before = computed
    median, calls = time_batches(lambda: call(next(x), 2.5, "short"), seconds)
    if computed - before != calls:
        raise RuntimeError("misses were hits")
    return median, calls


def measure(peer_class, seconds, parent):
    """Returns the entries of one peer."""
    entries = []
    for kind, time_calls in (("hit", time_hits), ("miss", time_misses)):
        name = f"{peer_class.name}/{kind}"
        entry = {"name": name, "run_name": name, "run_type": "iteration"}
        with tempfile.TemporaryDirectory(prefix="permacache-", dir=parent) as directory:
            try:
                peer = peer_class(directory)
                try:
                    median, calls = time_calls(peer.call, seconds)
                finally:
                    peer.close()
                entry.update(iterations=calls, real_time=median, time_unit="ns", label=peer.label)
            except ImportError:
                entry = {"name": name, "missing": f"{peer_class.package} is not installed"}
            except Exception as error:  # one that fails shall not take the others along
                entry.update(error_occurred=True, error_message=f"{type(error).__name__}: {error}")
        entries.append(entry)
    return entries


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each of the measures takes (0.5)")
    parser.add_argument(
        "--directory",
        default=os.environ.get("TEST_TMPDIR"),
        help="where the caches are made, and removed in the end ($TEST_TMPDIR or the folder for temporary files)",
    )
    flags = parser.parse_args()
    # Remarks on how long something took, say, are no part of what is printed.
    warnings.simplefilter("ignore")
    context = {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "executable": sys.argv[0],
        "num_cpus": os.cpu_count(),
        "python": platform.python_version(),
    }
    benchmarks = []
    for peer_class in (Joblib, Diskcache, PythonPermacache):
        benchmarks += measure(peer_class, flags.seconds, flags.directory)
    json.dump({"context": context, "benchmarks": benchmarks}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
