// Draws the Mandelbrot set into a picture, once; later calls restore the file, wherever it is to
// be.
//
//   ./bazelw run //examples:plot [-- /the/whole/path/of/a/picture.ppm]
#include <complex>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "permacache/permacache.h"
using namespace permacache::literals;

// Writes a picture that most viewers open, and returns the part of the points that are in the set.
double Plot(int width, int height, int depth, const std::filesystem::path& picture) {
  std::ofstream file(picture, std::ios::binary);
  file << "P6\n" << width << " " << height << "\n255\n";
  int64_t inside = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::complex<double> c(3.0 * x / width - 2.2, 2.4 * y / height - 1.2);
      std::complex<double> z = 0;
      int steps = 0;
      while (steps < depth && std::norm(z) < 4) {
        z = z * z + c;
        ++steps;
      }
      inside += steps == depth;
      const char shade = static_cast<char>(steps == depth ? 0 : 255 * steps / depth);
      file << shade << static_cast<char>(steps % 16 * 16) << static_cast<char>(255 - shade);
    }
  }
  return static_cast<double>(inside) / (int64_t{width} * height);
}

int main(int argc, char** argv) {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");  // of `bazel run`
  const std::filesystem::path here = workspace == nullptr ? "." : workspace;
  const std::filesystem::path picture = argc > 1 ? argv[1] : here / "mandelbrot.ppm";
  auto plot = permacache::Memoize("examples/plot", Plot, "width"_a = 600, "height"_a = 480,
                                  "depth"_a = 500, "picture"_a.OutFile());
  const bool found = plot.Contains("picture"_a = picture);
  const double inside = plot("picture"_a = picture);
  std::cout << (found ? "from the cache: " : "computed: ") << picture.string() << ", "
            << 100 * inside << " % are in the set\n";
}
