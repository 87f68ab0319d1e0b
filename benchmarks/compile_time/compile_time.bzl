"""A program that measures how long the compiler takes for some files."""

load("//tests/compile:compiler_command.bzl", "COMPILER_ATTRIBUTES", "program_with_compiler")

def _compile_time(ctx):
    return program_with_compiler(ctx, ctx.file._runner, ctx.files.srcs)

compile_time = rule(
    implementation = _compile_time,
    executable = True,
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    attrs = dict(
        COMPILER_ATTRIBUTES,
        srcs = attr.label_list(mandatory = True, allow_files = [".cc"], doc = "The first is compared with each of the others."),
        _runner = attr.label(default = "//benchmarks/compile_time:compile_time.sh", allow_single_file = True),
    ),
)
