"""Declares what permacache depends on.

    local_repository(name = "permacache", path = "...")  # or git_repository, http_archive
    load("@permacache//third_party:repositories.bzl", "permacache_repositories")
    permacache_repositories()

Each repository is left alone when the workspace has already declared one of the
same name: declare your own Abseil (or any other) first and permacache uses it.
The names and labels are those that the projects themselves use, where they use Bazel.
"""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")
load("//third_party:system_repository.bzl", "system_repository")
load("//third_party/abseil:repository.bzl", "abseil_repository")
load("//third_party/bazel:repositories.bzl", "bazel_repositories")
load("//third_party/blake3:repository.bzl", "blake3_repository")
load("//third_party/openssl:repository.bzl", "openssl_repository")

def permacache_repositories():
    """Declares what //permacache itself needs."""
    bazel_repositories()
    maybe(abseil_repository, name = "com_google_absl")
    maybe(blake3_repository, name = "blake3")
    maybe(
        system_repository,
        name = "boost",
        package = "libboost1.81-dev or newer",
        headers = ["boost/pfr", "boost/pfr.hpp"],
        overlay = Label("//third_party/boost_pfr:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "cereal",
        package = "libcereal-dev",
        headers = ["cereal"],
        overlay = Label("//third_party/cereal:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "cli11",
        package = "libcli11-dev",
        headers = ["CLI"],
        overlay = Label("//third_party/cli11:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "eigen",
        package = "libeigen3-dev",
        headers = ["eigen3"],
        overlay = Label("//third_party/eigen:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "libarchive",
        package = "libarchive-dev",
        headers = ["archive.h", "archive_entry.h"],
        libraries = ["archive"],
        shared = True,
        overlay = Label("//third_party/libarchive:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "lmdb",
        package = "liblmdb-dev",
        headers = ["lmdb.h"],
        libraries = ["lmdb"],
        overlay = Label("//third_party/lmdb:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "nlohmann_json",
        package = "nlohmann-json3-dev",
        headers = ["nlohmann"],
        overlay = Label("//third_party/nlohmann_json:overlay.BUILD"),
    )
    maybe(openssl_repository, name = "openssl")
    maybe(
        system_repository,
        name = "xxhash",
        package = "libxxhash-dev",
        headers = ["xxhash.h"],
        overlay = Label("//third_party/xxhash:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "zstd",
        package = "libzstd-dev",
        headers = ["zstd.h", "zstd_errors.h"],
        libraries = ["zstd"],
        overlay = Label("//third_party/zstd:overlay.BUILD"),
    )

def permacache_development_repositories():
    """Declares what permacache's own tests and benchmarks need besides."""
    maybe(
        system_repository,
        name = "com_google_googletest",
        package = "libgtest-dev and libgmock-dev",
        headers = ["gmock", "gtest"],
        sources = "/usr/src/googletest",
        overlay = Label("//third_party/googletest:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "com_github_google_benchmark",
        package = "libbenchmark-dev",
        headers = ["benchmark"],
        libraries = ["benchmark", "benchmark_main"],
        overlay = Label("//third_party/google_benchmark:overlay.BUILD"),
    )

    # What the benchmarks compare permacache with, where it is installed.
    maybe(
        system_repository,
        name = "rocksdb",
        package = "librocksdb-dev",
        headers = ["rocksdb"],
        libraries = ["rocksdb"],
        shared = True,
        optional = True,
        overlay = Label("//third_party/rocksdb:overlay.BUILD"),
    )
    maybe(
        system_repository,
        name = "sqlite",
        package = "libsqlite3-dev",
        headers = ["sqlite3.h"],
        libraries = ["sqlite3"],
        shared = True,
        optional = True,
        overlay = Label("//third_party/sqlite:overlay.BUILD"),
    )
