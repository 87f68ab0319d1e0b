// The snippets of README.md as a program. readme_test checks that these are the same lines.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "permacache/permacache.h"
#include "permacache/testing/temporary_directory.h"

using namespace permacache::literals;

// clang-format off

struct Sphere { double radius = 1; };
struct Scene { int width = 640; int height = 480; std::vector<Sphere> spheres = {}; };

class Mesh {  // not a plain struct, so it says what identifies it
 public:
  explicit Mesh(std::string name) : name_(std::move(name)) {}

 private:
  friend void PermacacheKey(permacache::KeyWriter& key, const Mesh& mesh) { key.Write(mesh.name_); }
  std::string name_;
};

// clang-format on

namespace {

int computed = 0;

int F(int x, int y, int z) {
  ++computed;
  return x + y + z;
}

struct Image {
  int height = 0;
};

Image Render(const Scene& scene) { return {scene.height}; }
int H(int x) { return x; }
int K(const Mesh&, int x) { return x; }

TEST(Tour, DoesWhatTheReadmeSays) {
  const permacache::testing::TemporaryDirectory directory;
  setenv("PERMACACHE_DIR", directory.path().c_str(), 1);
  std::filesystem::current_path(directory.path());
  const std::vector<Sphere> spheres(3);
  const Mesh mesh("wing");
  // clang-format off

  // Parameters have names and defaults. These four are one call, computed once:
  auto f = permacache::Memoize("path/f", F, "x"_a, "y"_a = 2, "z"_a = 3);
  f(2);  f(2, 2, 3);  f(2, "z"_a = 3, "y"_a = 2);  f("x"_a = 2, "y"_a = 2, "z"_a = 3);
  f.Key(2);                                                     // {"x": 2, "y": 2, "z": 3}

  // The fields of a single struct are the arguments.
  auto render = permacache::Memoize("render", Render);          // Image Render(const Scene&)
  render({.height = 720, .spheres = spheres});

  // Ask without computing, and manage.
  f.Contains(2);  f.Lookup(2);  f.Forget(2);  f.Size();  f.Clear();  f.Stats();

  // Options, and a cache somewhere else.
  auto h = permacache::Memoize({.name = "path/h", .version = 3, .compression = permacache::Compression::kZstd}, H);
  permacache::Cache cache({.directory = "data/cache"});
  auto k = cache.Memoize("path/k", K, "mesh"_a, "x"_a = 1);
  k(mesh);

  // clang-format on
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(f.Key(2), R"({"x": 2, "y": 2, "z": 3})");
  EXPECT_EQ(render.Lookup({.height = 720, .spheres = spheres})->height, 720);
  EXPECT_EQ(h(1), 1);
  EXPECT_EQ(cache.directory(), directory.path() / "data" / "cache");
  EXPECT_EQ(k.Size(), 1);
  std::filesystem::current_path("/");
}

}  // namespace
