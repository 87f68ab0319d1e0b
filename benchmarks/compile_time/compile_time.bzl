"""A program that measures how long the compiler takes for some files."""

load("//tests/compile:compiler_command.bzl", "COMPILER_ATTRIBUTES", "compiler_command")

def _compile_time(ctx):
    words, headers = compiler_command(ctx)
    command = ctx.actions.declare_file(ctx.label.name + ".command")
    ctx.actions.write(command, "\n".join(words) + "\n")
    program = ctx.actions.declare_file(ctx.label.name)
    files = [ctx.file._runner, command] + ctx.files.srcs
    ctx.actions.write(
        program,
        "#!/bin/sh\nexec %s\n" % " ".join(["'%s'" % file.short_path for file in files]),
        is_executable = True,
    )
    return DefaultInfo(
        executable = program,
        runfiles = ctx.runfiles(files = files, transitive_files = headers),
    )

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
