// Eigen's dense types as arguments: Matrix, Array, Map, Ref, Block and expressions of these.
//
//   #include "permacache/eigen/eigen.h"
//
//   auto norm = permacache::Memoize("norm", Norm, "m"_a);  // double Norm(const Eigen::MatrixXd&)
//
// The name of the type, the kind of number, the shape and the coefficients are the key; the order
// of storage and strides are not. A vector has one dimension, its size; other types have two, rows
// and columns. Coefficients are those that ArrayView takes: integers, float, double, std::complex
// of these. In Python's format it is the key of the numpy array with the same elements.
//
// What has its coefficients in memory is read where it is; other expressions are evaluated first. A
// class that derives from one of these types needs a PermacacheKey of its own.
#ifndef PERMACACHE_EIGEN_EIGEN_H_
#define PERMACACHE_EIGEN_EIGEN_H_

#include <Eigen/Core>
#include <type_traits>

#include "permacache/key/key.h"

namespace Eigen {

// Whether T is itself one of Eigen's types and not derived from one: it might have more to it.
template <class T>
concept PermacacheDense = requires(const T& value) {
  []<class Derived>(const DenseBase<Derived>&) requires std::is_same_v<Derived, T> {}
  (value);
};

// In this namespace, where it is found for all of Eigen's types.
template <PermacacheDense T>
void PermacacheKey(permacache::KeyWriter& key, const T& matrix) {
  if constexpr (bool(T::Flags & DirectAccessBit)) {
    if constexpr (bool(T::IsVectorAtCompileTime)) {
      key.Write(permacache::ArrayView(matrix.data(), {matrix.size()}, {matrix.innerStride()}));
    } else {
      key.Write(permacache::ArrayView(matrix.data(), {matrix.rows(), matrix.cols()},
                                      {matrix.rowStride(), matrix.colStride()}));
    }
  } else {
    PermacacheKey(key, matrix.eval());
  }
}

}  // namespace Eigen

#endif  // PERMACACHE_EIGEN_EIGEN_H_
