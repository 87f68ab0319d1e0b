"""Repositories made of what the system's package manager has installed.

A system_repository holds links to a library's headers (under include/), its
archives (under lib/) and its sources (under src/), with the BUILD files of an
overlay beside them. Where a file lies differs from one distribution to the next;
this is the only place that knows about it.
"""

_PREFIXES = ["/usr", "/usr/local", "/opt/homebrew"]

def machine(ctx):
    """Returns the name of the CPU's architecture, as in x86_64."""
    result = ctx.execute(["uname", "-m"])
    return result.stdout.strip() if result.return_code == 0 else "unknown"

def library_folders(ctx):
    """Returns the folders in which this system keeps libraries, the likeliest first."""
    subfolders = ["lib/%s-linux-gnu" % machine(ctx), "lib64", "lib"]
    return [
        "%s/%s" % (prefix, folder)
        for prefix in _PREFIXES
        for folder in subfolders
    ]

def find_first(ctx, candidates):
    """Returns the first of the paths that exists, or None."""
    for candidate in candidates:
        path = ctx.path(candidate)
        if path.exists:
            return path
    return None

def require(ctx, candidates, what):
    """Returns the first of the paths that exists; fails with what to install."""
    found = find_first(ctx, candidates)
    if not found:
        fail(("@%s: %s is not installed here. Run ./bazelw once from the permacache checkout, which installs it on " +
              "Debian and its kin; or install %s; or declare a repository @%s before calling " +
              "permacache_repositories(). Looked for: %s") %
             (ctx.name, what, what, ctx.name, ", ".join(candidates)))
    return found

def newest_match(ctx, pattern):
    """Returns the paths that fit a pattern with one * at the end of a folder's name, newest version first."""
    prefix, suffix = pattern.split("*")
    stem = ctx.path(prefix).basename
    folder = ctx.path(prefix).dirname
    names = [entry.basename for entry in folder.readdir()] if folder.exists else []
    matches = [name for name in names if name.startswith(stem)]
    return ["%s/%s%s" % (folder, name, suffix) for name in reversed(sorted(matches))] or [pattern]

def link_headers(ctx):
    for header in ctx.attr.headers:
        found = require(ctx, ["%s/include/%s" % (prefix, header) for prefix in _PREFIXES], ctx.attr.package)
        ctx.symlink(found, "include/" + header)

def _link_libraries(ctx):
    for library in ctx.attr.libraries:
        candidates = [
            "%s/lib%s%s" % (folder, library, suffix)
            for suffix in [".a", ".so", ".dylib"]
            for folder in library_folders(ctx)
        ]
        found = require(ctx, candidates, ctx.attr.package)
        ctx.symlink(found, "lib/" + found.basename)

def _link_sources(ctx):
    if ctx.attr.sources:
        ctx.symlink(require(ctx, [ctx.attr.sources], ctx.attr.package), "src")

def _system_repository(ctx):
    link_headers(ctx)
    _link_libraries(ctx)
    _link_sources(ctx)
    ctx.symlink(ctx.attr.overlay, "BUILD.bazel")

system_repository = repository_rule(
    implementation = _system_repository,
    doc = "A library that the system's package manager has installed.",
    local = True,
    attrs = {
        "package": attr.string(mandatory = True, doc = "Debian's package, for the message when it is missing."),
        "headers": attr.string_list(doc = "Headers or folders of headers, relative to the include folder."),
        "libraries": attr.string_list(doc = "Libraries, without 'lib' and ending; an archive is preferred."),
        "sources": attr.string(doc = "A folder of sources, linked as src/."),
        "overlay": attr.label(mandatory = True, allow_single_file = True, doc = "The repository's BUILD file."),
    },
)
