"""The command with which the compiler of the cc rules compiles one file, for tests that run it."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _in_runfiles(ctx, folder):
    """The path of an include folder as seen from the test's working directory."""
    for root in [ctx.bin_dir.path, ctx.genfiles_dir.path]:
        if folder == root:
            return "."
        if folder.startswith(root + "/"):
            folder = folder[len(root) + 1:]
    if folder.startswith("external/"):
        return "../" + folder[len("external/"):]
    return folder

def _include_flags(ctx, context):
    flags = []
    for option, folders in [
        ("-iquote", context.quote_includes),
        ("-I", context.includes),
        ("-isystem", context.system_includes),
    ]:
        for folder in folders.to_list():
            flag = option + _in_runfiles(ctx, folder)
            if flag not in flags:
                flags.append(flag)
    return flags

COMPILER_ATTRIBUTES = {
    "deps": attr.label_list(providers = [CcInfo]),
    "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
}

def program_with_compiler(ctx, runner, files):
    """A program that runs `runner` with a file that holds the compiler and its options, and `files`.

    The rule has COMPILER_ATTRIBUTES, the toolchain of cc rules, and "cpp" among its fragments.
    """
    context = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    ).compilation_context
    flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + _include_flags(ctx, context)
    flags += ["-D" + define for define in context.defines.to_list()]
    command = ctx.actions.declare_file(ctx.label.name + ".command")
    ctx.actions.write(command, "\n".join([find_cpp_toolchain(ctx).compiler_executable] + flags) + "\n")
    program = ctx.actions.declare_file(ctx.label.name)
    files = [runner, command] + files
    ctx.actions.write(
        program,
        "#!/bin/sh\nexec %s\n" % " ".join(["'%s'" % file.short_path for file in files]),
        is_executable = True,
    )
    return DefaultInfo(
        executable = program,
        runfiles = ctx.runfiles(files = files, transitive_files = context.headers),
    )
