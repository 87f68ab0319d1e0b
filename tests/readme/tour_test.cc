// The snippets of README.md as a program. readme_test checks that these are the same lines.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "permacache/archive/export.h"
#include "permacache/permacache.h"
#include "permacache/testing/temporary_directory.h"

using namespace permacache::literals;

// clang-format off

struct Sphere { double radius = 1; };
struct Scene { int width = 640; int height = 480; std::vector<Sphere> spheres = {}; };

class Mesh {  // not a plain struct, so it says what identifies it
 public:
  explicit Mesh(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }

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

void Plot(int data, const std::filesystem::path& loc) {
  ++computed;
  std::ofstream(loc) << data;
}

std::vector<double> EmbedAll(const std::vector<std::string>& texts, const std::string&) {
  computed += static_cast<int>(texts.size());
  return std::vector<double>(texts.size());
}

struct Model {
  double slope = 0;
  double offset = 0;
};

Model Fit(int x) { return {1.0 * x, 1}; }

int G(const std::vector<std::string>& large, const Mesh&, bool, int t, int u) {
  ++computed;
  return static_cast<int>(large.size()) + t + u;
}

std::string Parse(const std::filesystem::path& source) {
  std::ifstream file(source);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

double Norm(const permacache::Hashed<std::vector<double>>& v) {
  ++computed;
  return std::sqrt(std::inner_product(v->begin(), v->end(), v->begin(), 0.0));
}

TEST(Tour, DoesWhatTheReadmeSays) {
  const permacache::testing::TemporaryDirectory directory;
  setenv("PERMACACHE_DIR", directory.path().c_str(), 1);
  std::filesystem::current_path(directory.path());
  const std::vector<Sphere> spheres(3);
  const Mesh mesh("wing");
  const std::vector<std::string> words{"a", "b"};
  std::vector<double> samples(10'000, 0.5);
  const int rows = 20, columns = 30;
  const std::vector<float> pixels(rows * columns);
  std::ofstream("source.txt") << "text";
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
  f.Recompute(2);                                               // computes and replaces
  f.Async(2).get();                                             // in another thread
  f.Explain(2, "y"_a = 5).ToString();                           // why that would miss: the nearest call that is stored

  // Modes, as scopes: for one function, or without it for all of the process.
  { permacache::ScopedErrorOnMiss guard(f);  f(2); }            // throws CacheMissError where it would compute
  { permacache::ScopedNoCache guard;  f(2); }                   // neither reads nor writes

  // Options, and a cache somewhere else.
  auto h = permacache::Memoize({.name = "path/h", .version = 3, .compression = permacache::Compression::kZstd}, H);
  permacache::Cache cache({.directory = "data/cache"});
  auto k = cache.Memoize("path/k", K, "mesh"_a, "x"_a = 1);
  k(mesh);

  // Nothing is evicted by itself. For all functions of a cache, beside programs that use it:
  cache.Prune({.unused_for = std::chrono::days(90), .max_bytes = 10'000'000'000});  // least seconds saved per byte first
  cache.Compact();                                              // gives the disk back what they took
  cache.Verify().ok();                                          // reads and checks every result

  ASSERT_TRUE(permacache::archive::Export("data/cache", "results.pack").ok());

  // Results can ship with a program: a file that an export has made is a layer under the cache, and only read.
  permacache::Cache shipped({.directory = "data/mine", .packs = {"results.pack"}});
  auto l = shipped.Memoize("path/k", K, "mesh"_a, "x"_a = 1);
  l.Contains(mesh);                                             // what the export had is found, the rest computed

  // What of an argument enters the key. Results of before `t` was added stay valid.
  auto g = permacache::Memoize("path/g", G,
      "large"_a.Key(permacache::StableHash),                    // 64 hex digits instead of the whole value
      "mesh"_a.Key([](const Mesh& m) { return m.name(); }),     // any function whose result can be a key
      "verbose"_a.Ignore(),                                     // does not matter for the result
      ("t"_a = 0).DropIfEqual(0),                               // added later
      ("u"_a = 0).DropIf([](int u) { return u < 3; }));
  g(words, mesh, true);

  // The content of a file, not its name, is the key. An unchanged file is not read again.
  auto parse = permacache::Memoize("path/parse", Parse, "source"_a.FileContents());
  parse("source.txt");

  // A function that writes files: they are part of the result. Another path gets a copy without computing.
  auto plot = permacache::Memoize("path/plot", Plot, "data"_a, "loc"_a.OutFile());
  plot(7, "plot.txt");  plot(7, "copy.txt");

  // A function that takes many at once gets only those that are missing, and each once.
  auto embed = permacache::Memoize({.name = "path/embed", .chunk_size = 100}, EmbedAll, "texts"_a.Batch(), "model"_a);
  embed(words, "small");                                        // stored after every 100: a crash loses no more
  embed.Plan({"a", "c"}, "small");                              // what is missing, and about how long it will take

  // Results of an older type need not be computed again. One in a hundred hits is computed all the same, and compared.
  auto fit = permacache::Memoize({.name = "path/fit", .audit = 0.01}, Fit, "x"_a)
      .UpgradeFrom<double>([](double old) { return Model{old, 0}; });
  fit(3);

  // A large argument that is used again and again hashes once, with all cores, and has the key of the plain value.
  auto norm = permacache::Memoize("norm", Norm, "v"_a);         // double Norm(const permacache::Hashed<std::vector<double>>& v)
  permacache::Hashed data(std::move(samples));                  // immutable; data->size(), *data
  norm(data);  norm(data);                                      // the second costs no more than with an int

  // Arrays of several dimensions; keys and digests by themselves.
  permacache::ArrayView<const float> image(pixels.data(), {rows, columns});
  permacache::KeyText(image);                                   // its kind of number, its shape, the digest of its content
  permacache::StableHash(data);
  permacache::KeyText(image, permacache::KeyFormat::kPython);   // byte for byte what Python permacache writes

  // clang-format on
  EXPECT_EQ(computed, 3 + 2 + 1 + 2);
  EXPECT_TRUE(std::filesystem::exists("copy.txt"));
  EXPECT_EQ(f.Key(2), R"({"x": 2, "y": 2, "z": 3})");
  EXPECT_EQ(render.Lookup({.height = 720, .spheres = spheres})->height, 720);
  EXPECT_EQ(h(1), 1);
  EXPECT_EQ(cache.directory(), directory.path() / "data" / "cache");
  EXPECT_EQ(k.Size(), 1);
  EXPECT_TRUE(l.Contains(mesh));
  EXPECT_EQ(l.Size(), 0);
  std::filesystem::current_path("/");
}

}  // namespace
