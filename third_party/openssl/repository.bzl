"""OpenSSL's libcrypto.

The shared library, as an archive may need others (zlib, zstd) that differ from one distribution to
the next, and as security fixes of the system then reach programs that were linked before.
"""

load("//third_party:system_repository.bzl", "find_first", "library_folders", "machine", "require")

_WHAT = "libssl-dev"

def _openssl_repository(ctx):
    prefixes = ["/usr", "/usr/local", "/opt/homebrew/opt/openssl", "/opt/homebrew"]
    header = require(ctx, ["%s/include/openssl/evp.h" % prefix for prefix in prefixes], _WHAT)
    library = require(ctx, [
        "%s/libcrypto%s" % (folder, suffix)
        for suffix in [".so", ".dylib"]
        for folder in ["%s/lib" % header.dirname.dirname.dirname] + library_folders(ctx)
    ], _WHAT)
    ctx.symlink(header.dirname, "include/openssl")
    ctx.symlink(library, "lib/" + library.basename)

    # Debian keeps what differs between machines, such as configuration.h, in a folder for each.
    settings = find_first(ctx, ["/usr/include/%s-linux-gnu/openssl" % machine(ctx)])
    if settings:
        ctx.symlink(settings, "machine/openssl")
    ctx.symlink(ctx.attr._overlay, "BUILD.bazel")

openssl_repository = repository_rule(
    implementation = _openssl_repository,
    local = True,
    attrs = {"_overlay": attr.label(default = "//third_party/openssl:overlay.BUILD")},
)
