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

def _header_candidates(header):
    return ["%s/include/%s" % (prefix, header) for prefix in _PREFIXES]

def link_headers(ctx):
    for header in ctx.attr.headers:
        ctx.symlink(require(ctx, _header_candidates(header), ctx.attr.package), "include/" + header)

def _library_candidates(ctx, library):
    suffixes = [".so", ".dylib", ".a"] if ctx.attr.shared else [".a", ".so", ".dylib"]
    return [
        "%s/lib%s%s" % (folder, library, suffix)
        for suffix in suffixes
        for folder in library_folders(ctx)
    ]

def _link_libraries(ctx):
    for library in ctx.attr.libraries:
        found = require(ctx, _library_candidates(ctx, library), ctx.attr.package)
        ctx.symlink(found, "lib/" + found.basename)

def _link_sources(ctx):
    if ctx.attr.sources:
        ctx.symlink(require(ctx, [ctx.attr.sources], ctx.attr.package), "src")

def _is_installed(ctx):
    needs = [_header_candidates(header) for header in ctx.attr.headers]
    needs += [_library_candidates(ctx, library) for library in ctx.attr.libraries]
    needs += [[ctx.attr.sources]] if ctx.attr.sources else []
    return all([find_first(ctx, candidates) for candidates in needs])

def _system_repository(ctx):
    # All of it or nothing: headers without their library would compile and not link.
    if not ctx.attr.optional or _is_installed(ctx):
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
        "shared": attr.bool(doc = "The shared library is preferred: the archive needs others that it does not name."),
        "optional": attr.bool(doc = "Where it is not installed, nothing lies beside the overlay, which has to cope."),
        "sources": attr.string(doc = "A folder of sources, linked as src/."),
        "overlay": attr.label(mandatory = True, allow_single_file = True, doc = "The repository's BUILD file."),
    },
)
