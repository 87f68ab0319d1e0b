#include "benchmarks/program.h"

int main(int argc, char** argv) { return permacache::benchmarks::RunProgram(argc, argv); }
