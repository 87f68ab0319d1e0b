"""BLAKE3: the system's library where it has one, else its authors' C sources.

Debian 12 and 13 ship the sources only, inside the package of the Rust crate.
"""

load("//third_party:system_repository.bzl", "find_first", "newest_match", "require", "library_folders")

_SOURCE_FOLDERS = "/usr/share/cargo/registry/blake3-*/c"
_WHAT = "libblake3-dev (or librust-blake3-dev, whose C sources will do)"

def _blake3_repository(ctx):
    header = find_first(ctx, ["/usr/include/blake3.h", "/usr/local/include/blake3.h"])
    library = find_first(ctx, [
        "%s/libblake3%s" % (folder, suffix)
        for suffix in [".a", ".so"]
        for folder in library_folders(ctx)
    ])
    if header and library:
        ctx.symlink(header, "include/blake3.h")
        ctx.symlink(library, "lib/" + library.basename)
        ctx.symlink(ctx.attr._installed, "BUILD.bazel")
    else:
        ctx.symlink(require(ctx, newest_match(ctx, _SOURCE_FOLDERS), _WHAT), "src")
        ctx.symlink(ctx.attr._sources, "BUILD.bazel")

blake3_repository = repository_rule(
    implementation = _blake3_repository,
    local = True,
    attrs = {
        "_installed": attr.label(default = "//third_party/blake3:installed.BUILD"),
        "_sources": attr.label(default = "//third_party/blake3:overlay.BUILD"),
    },
)
