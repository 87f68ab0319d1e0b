// What memoized.cc stores, saved and loaded by hand in cereal's binary format.
#include <cereal/archives/binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <sstream>
#include <string>
#include <vector>

struct Result {
  double x, y;
  std::vector<std::string> names;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(x, y, names);
  }
};

int main() {
  std::stringstream stream;
  cereal::BinaryOutputArchive{stream}(Result{1, 2, {"a"}});
  Result result;
  cereal::BinaryInputArchive{stream}(result);
  return static_cast<int>(result.x);
}
