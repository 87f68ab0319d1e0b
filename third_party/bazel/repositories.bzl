"""The repositories that Bazel itself wants, for a Bazel that cannot download them.

Debian's Bazel is 4.2.3 without a version number. It expects rule sets from the
network; here they come from Debian's packages. A newer Bazel brings its own.
"""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")

def _packaged_rules(ctx):
    folder = ctx.path(ctx.attr.path)
    if not folder.exists:
        fail("@%s: %s is not installed here. Run ./bazelw once, or install it." % (ctx.name, ctx.attr.package))
    for entry in folder.readdir():
        ctx.symlink(entry, entry.basename)

packaged_rules = repository_rule(
    implementation = _packaged_rules,
    doc = "A rule set from a Debian package.",
    local = True,
    attrs = {
        "package": attr.string(mandatory = True),
        "path": attr.string(mandatory = True),
    },
)

def _forwarding_rules(ctx):
    for target, source in ctx.attr.files.items():
        ctx.symlink(Label(source), target)

forwarding_rules = repository_rule(
    implementation = _forwarding_rules,
    doc = "A small stand-in kept in this folder: file in the repository -> its source.",
    local = True,
    attrs = {"files": attr.string_dict(mandatory = True)},
)

def _is_debians_bazel():
    return native.bazel_version == "" or native.bazel_version.startswith("4.")

def bazel_repositories():
    """Declares what Bazel wants for itself, unless it is declared already or Bazel is newer."""
    if not _is_debians_bazel():
        return
    maybe(packaged_rules, name = "bazel_skylib", package = "bazel-skylib", path = "/usr/share/bazel/tools/skylib")
    maybe(packaged_rules, name = "platforms", package = "bazel-platforms", path = "/usr/share/bazel/tools/platforms")
    maybe(packaged_rules, name = "rules_java", package = "bazel-rules-java", path = "/usr/share/bazel/rules/java")
    maybe(packaged_rules, name = "rules_proto", package = "bazel-rules-proto", path = "/usr/share/bazel/rules/proto")
    maybe(
        forwarding_rules,
        name = "rules_cc",
        files = {
            "WORKSPACE": str(Label("//third_party/bazel:rules_cc/WORKSPACE.stub")),
            "BUILD.bazel": str(Label("//third_party/bazel:rules_cc/root.BUILD")),
            "cc/BUILD.bazel": str(Label("//third_party/bazel:rules_cc/cc.BUILD")),
            "cc/defs.bzl": str(Label("//third_party/bazel:rules_cc/defs.bzl")),
        },
    )
    maybe(
        forwarding_rules,
        name = "remote_coverage_tools",
        files = {
            "WORKSPACE": str(Label("//third_party/bazel:rules_cc/WORKSPACE.stub")),
            "BUILD.bazel": str(Label("//third_party/bazel:coverage/root.BUILD")),
        },
    )
