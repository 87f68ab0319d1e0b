#include "permacache/eigen/eigen.h"

#include <Eigen/LU>
#include <complex>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/permacache.h"

namespace permacache {
namespace {

using namespace permacache::literals;

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The text without the name of the type.
std::string ArrayIn(const std::string& text) { return text.substr(text.find(R"("values")")); }

TEST(Eigen, AMatrixIsItsNameKindShapeAndCoefficients) {
  Eigen::Matrix<float, 2, 3> matrix;
  matrix << 1, 2, 3, 4, 5, 6;
  EXPECT_EQ(KeyText(matrix),
            R"({".type": "Matrix", "values": [{".type": "array", "dtype": "f4", "shape": [2, 3], )"
            R"("values": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}]})");
}

TEST(Eigen, AVectorHasOneDimension) {
  const Eigen::VectorXi vector{{1, 2, 3}};
  EXPECT_EQ(KeyText(vector),
            R"({".type": "Matrix", "values": [{".type": "array", "dtype": "i4", "shape": [3], )"
            R"("values": [1, 2, 3]}]})");
  const Eigen::RowVector2d row(0.5, 1);
  EXPECT_EQ(
      ArrayIn(KeyText(row)),
      R"("values": [{".type": "array", "dtype": "f8", "shape": [2], "values": [0.5, 1.0]}]})");
}

TEST(Eigen, TheOrderOfStorageDoesNotMatter) {
  const Eigen::MatrixXd by_column = Eigen::MatrixXd::Random(20, 30);
  const RowMajor by_row = by_column;
  EXPECT_EQ(KeyText(by_column), KeyText(by_row));
  const std::vector<double> numbers(by_row.data(), by_row.data() + by_row.size());
  EXPECT_NE(KeyText(by_row).find(KeyText(ArrayView(numbers.data(), {20, 30}))), std::string::npos);
}

TEST(Eigen, ShapesAndKindsAreToldApart) {
  EXPECT_NE(KeyText(Eigen::MatrixXd(Eigen::MatrixXd::Zero(2, 3))),
            KeyText(Eigen::MatrixXd(Eigen::MatrixXd::Zero(3, 2))));
  EXPECT_NE(KeyText(Eigen::MatrixXd(0, 3)), KeyText(Eigen::MatrixXd(3, 0)));
  EXPECT_NE(KeyText(Eigen::Matrix2f(Eigen::Matrix2f::Zero())),
            KeyText(Eigen::Matrix2i(Eigen::Matrix2i::Zero())));
  EXPECT_NE(KeyText(Eigen::Array22d(Eigen::Array22d::Zero())),
            KeyText(Eigen::Matrix2d(Eigen::Matrix2d::Zero())));
}

TEST(Eigen, PartsViewsAndExpressionsAreTheirCoefficients) {
  const Eigen::MatrixXd matrix = Eigen::MatrixXd::Random(12, 14);
  const std::string expected = ArrayIn(KeyText(Eigen::MatrixXd(matrix.block(1, 2, 9, 10))));
  EXPECT_EQ(ArrayIn(KeyText(matrix.block(1, 2, 9, 10))), expected);
  const Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>> reference =
      matrix.block(1, 2, 9, 10);
  EXPECT_EQ(ArrayIn(KeyText(reference)), expected);
  EXPECT_EQ(ArrayIn(KeyText(matrix.transpose())),
            ArrayIn(KeyText(Eigen::MatrixXd(matrix.transpose()))));
  EXPECT_EQ(ArrayIn(KeyText(matrix + matrix)), ArrayIn(KeyText(Eigen::MatrixXd(2 * matrix))));
  EXPECT_EQ(ArrayIn(KeyText(matrix.row(3))), ArrayIn(KeyText(Eigen::RowVectorXd(matrix.row(3)))));
  EXPECT_EQ(ArrayIn(KeyText(matrix.reverse())),
            ArrayIn(KeyText(Eigen::MatrixXd(matrix.reverse()))));
}

// Their key would not tell what they add, so they have none without a function of their own.
class Tagged : public Eigen::Vector3d {
 public:
  explicit Tagged(int tag) : tag_(tag) {}

 private:
  [[maybe_unused]] int tag_;
};
template <class T>
class TaggedTemplate : public Eigen::Matrix<T, 3, 1> {
 public:
  explicit TaggedTemplate(int tag) : tag_(tag) {}

 private:
  [[maybe_unused]] int tag_;
};
static_assert(key::kKind<Tagged> == key::Kind::kNone);
static_assert(key::kKind<TaggedTemplate<double>> == key::Kind::kNone);
static_assert(key::kKind<Eigen::Vector3d> == key::Kind::kHooked);
static_assert(key::kKind<std::vector<Eigen::Vector3d>> == key::Kind::kRange);

TEST(Eigen, ComplexMatricesAreArraysOfComplexNumbers) {
  const Eigen::MatrixXcd matrix = Eigen::MatrixXcd::Zero(10, 10);
  EXPECT_NE(KeyText(matrix).find(R"("dtype": "c16", "shape": [10, 10])"), std::string::npos);
}

// In Python: stable_hash's form of numpy.array([[1, 2], [3, 4]], dtype="<i4").
TEST(Eigen, InPythonsFormatAMatrixIsANumpyArray) {
  Eigen::Matrix2i matrix;
  matrix << 1, 2, 3, 4;
  const std::vector<int32_t> numbers{1, 2, 3, 4};
  EXPECT_EQ(KeyText(matrix, KeyFormat::kPython),
            KeyText(ArrayView(numbers.data(), {2, 2}), KeyFormat::kPython));
}

TEST(Eigen, MatricesAreArgumentsAndFieldsOfArguments) {
  struct Problem {
    Eigen::Matrix3d stiffness;
    Eigen::Vector3d load;
  };
  int computed = 0;
  auto solve = Cache({.storage = Storage::kMemory}).Memoize("solve", [&](const Problem& problem) {
    ++computed;
    return problem.stiffness.inverse().sum() + problem.load.sum();
  });
  const Problem problem{Eigen::Matrix3d::Identity(), Eigen::Vector3d::Ones()};
  EXPECT_EQ(solve(problem), 6);
  EXPECT_EQ(solve(problem), 6);
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(solve({2 * problem.stiffness, problem.load}), 4.5);
  EXPECT_EQ(computed, 2);
}

}  // namespace
}  // namespace permacache
