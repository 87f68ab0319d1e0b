// The command line: its commands and options, their help and examples.
#ifndef PERMACACHE_CLI_COMMAND_LINE_H_
#define PERMACACHE_CLI_COMMAND_LINE_H_

namespace permacache::cli {

// Does what the command line says; returns the exit code, see session.h. Throws nothing.
int RunCommandLine(int argc, char** argv);

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_COMMAND_LINE_H_
