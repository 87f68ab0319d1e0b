// permacache: looks into a cache, keeps it healthy, and moves it. See command_line.h.
#include "permacache/cli/command_line.h"

int main(int argc, char** argv) { return permacache::cli::RunCommandLine(argc, argv); }
