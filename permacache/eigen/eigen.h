// Eigen's dense types as arguments: Matrix, Array, Map, Ref, Block and expressions of these.
//
//   #include "permacache/eigen/eigen.h"
//
//   auto norm = permacache::Memoize("norm", [](const Eigen::MatrixXd& m) { return m.norm(); },
//   "m"_a);
//
// The name of the type, the kind of number, the shape and the coefficients are the key; the order
// of storage and strides are not. A vector has one dimension, its size; other types have two, rows
// and columns. Coefficients are those that ArrayView takes: integers, float, double, std::complex
// of these. In Python's format it is the key of the numpy array with the same elements.
//
// What has its coefficients in memory is read where it is; other expressions are evaluated first.
#ifndef PERMACACHE_EIGEN_EIGEN_H_
#define PERMACACHE_EIGEN_EIGEN_H_

#include <Eigen/Core>
#include <array>
#include <type_traits>

#include "permacache/key/key.h"

namespace Eigen {

// In this namespace, where it is found for all of Eigen's types.
template <class Derived>
void PermacacheKey(permacache::KeyWriter& key, const DenseBase<Derived>& dense) {
  if constexpr (bool(Derived::Flags & DirectAccessBit)) {
    const Derived& matrix = dense.derived();
    if constexpr (bool(Derived::IsVectorAtCompileTime)) {
      key.Write(permacache::ArrayView(matrix.data(), std::array{matrix.size()},
                                      std::array{matrix.innerStride()}));
    } else {
      key.Write(permacache::ArrayView(matrix.data(), std::array{matrix.rows(), matrix.cols()},
                                      std::array{matrix.rowStride(), matrix.colStride()}));
    }
  } else {
    PermacacheKey(key, dense.eval());
  }
}

}  // namespace Eigen

#endif  // PERMACACHE_EIGEN_EIGEN_H_
