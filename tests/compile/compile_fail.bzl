"""Tests that code is refused by the compiler, and in our own words.

    compile_fail_test(
        name = "refused_types_test",
        src = "refused_types.cc",
        cases = {"RAW_POINTER": "permacache: a raw pointer has no stable key"},
        deps = ["//permacache/key"],
    )

The source is compiled once as it is, which must succeed: a header that is not found
would make every case fail, but not for the reason that is tested. Then it is compiled
once for each case with that case's macro defined, which must fail with an error that
holds the case's words. What a case refuses stands between #ifdef and #endif.

The compiler and its options are those of the cc rules, so --config=clang means clang.
"""

load("//tests/compile:compiler_command.bzl", "COMPILER_ATTRIBUTES", "program_with_compiler")

def _compile_fail_test(ctx):
    cases = ctx.actions.declare_file(ctx.label.name + ".cases")
    ctx.actions.write(cases, "".join(["%s %s\n" % item for item in ctx.attr.cases.items()]))
    return program_with_compiler(ctx, ctx.file._runner, [cases, ctx.file.src])

_compile_fail_rule_test = rule(
    implementation = _compile_fail_test,
    test = True,
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    attrs = dict(
        COMPILER_ATTRIBUTES,
        src = attr.label(mandatory = True, allow_single_file = [".cc"]),
        cases = attr.string_dict(mandatory = True, doc = "The macro of each case, and words of the error it must give."),
        _runner = attr.label(default = "//tests/compile:compile_fail.sh", allow_single_file = True),
    ),
)

def compile_fail_test(name, src, cases, deps, **kwargs):
    """Checks that each of the cases in `src` is refused with its words."""
    if not cases:
        fail("%s: without a case nothing is tested" % name)
    tags = kwargs.pop("tags", []) + ["compile_fail"]  # nothing runs: sanitizers can leave it out
    _compile_fail_rule_test(name = name, src = src, cases = cases, deps = deps, tags = tags, **kwargs)
