"""Abseil as the system has it, under the labels that Abseil itself uses.

Which archives a library needs, and in which order, differs between Abseil's
releases. Its pkg-config files say so, thus the targets are made from them.
"""

load("//third_party:system_repository.bzl", "library_folders", "link_headers", "require")

# The Abseil libraries that permacache uses: folder -> targets, as upstream has them.
_USED = {
    "cleanup": ["cleanup"],
    "container": ["btree", "flat_hash_map", "inlined_vector"],  # tests have them as arguments
    "functional": ["function_ref"],
    "numeric": ["int128"],
    "status": ["status", "statusor"],
    "strings": ["str_format", "strings"],
}

_ROOT_HEADER = """\
load("@rules_cc//cc:defs.bzl", "cc_library")

package(default_visibility = ["//visibility:public"])

cc_library(
    name = "headers",
    hdrs = glob(["include/absl/**/*.h", "include/absl/**/*.inc"]),
    includes = ["include"],
)
"""

_ROOT_TARGET = """
cc_library(
    name = "{name}",
    srcs = {archives},
    linkopts = ["-pthread"],
    deps = [":headers"] + {deps},
)
"""

_PACKAGE_HEADER = """\
package(default_visibility = ["//visibility:public"])
"""

_PACKAGE_TARGET = """
alias(
    name = "{name}",
    actual = "//:absl_{name}",
)
"""

def _requires(pc):
    """Returns the names of the pkg-config files that the given text requires."""
    for line in pc.split("\n"):
        if line.startswith("Requires:"):
            words = line[len("Requires:"):].replace(",", " ").split(" ")
            return [word for word in words if word.startswith("absl_")]
    return []

def _archives(pc):
    """Returns the libraries, without -l, that the given text links."""
    for line in pc.split("\n"):
        if line.startswith("Libs:"):
            return [word[2:] for word in line.split(" ") if word.startswith("-labsl_")]
    return []

def _abseil_repository(ctx):
    link_headers(ctx)
    folders = library_folders(ctx)
    pkgconfig = require(ctx, [folder + "/pkgconfig/absl_base.pc" for folder in folders], ctx.attr.package).dirname

    root = _ROOT_HEADER
    seen = {}
    wave = ["absl_" + name for names in _USED.values() for name in names]
    for _ in range(1000):  # Starlark has no while; Abseil's graph is some ten deep.
        if not wave:
            break
        next_wave = []
        for name in wave:
            if name in seen:
                continue
            seen[name] = True
            pc = ctx.read(pkgconfig.get_child(name + ".pc"))
            requires = _requires(pc)
            archives = []
            for archive in _archives(pc):
                found = require(ctx, [
                    "%s/lib%s%s" % (pkgconfig.dirname, archive, suffix)
                    for suffix in [".a", ".so", ".dylib"]
                ], ctx.attr.package)
                link = "lib/" + found.basename
                ctx.symlink(found, link)
                archives.append(link)
            root += _ROOT_TARGET.format(name = name, archives = archives, deps = [":" + dep for dep in requires])
            next_wave += requires
        wave = next_wave

    ctx.file("BUILD.bazel", root)
    for folder, names in _USED.items():
        package = _PACKAGE_HEADER
        for name in names:
            package += _PACKAGE_TARGET.format(name = name)
        ctx.file("absl/%s/BUILD.bazel" % folder, package)

abseil_repository = repository_rule(
    implementation = _abseil_repository,
    doc = "Abseil's installed headers and archives.",
    local = True,
    attrs = {
        "package": attr.string(default = "libabsl-dev"),
        "headers": attr.string_list(default = ["absl"]),
    },
)
