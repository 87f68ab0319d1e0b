// The greatest of many, in little memory.
#ifndef PERMACACHE_CLI_TOP_H_
#define PERMACACHE_CLI_TOP_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace permacache::cli {

// Keeps the `most` elements that come first by `Before`. An object belongs to one thread at a time.
template <class Element, class Before = std::function<bool(const Element&, const Element&)>>
class Top {
 public:
  Top(size_t most, Before before) : most_(most), before_(std::move(before)) {}

  // Whether such an element would be kept: to be asked before one is made.
  bool IsWanted(const Element& element) const {
    return elements_.size() < most_ || (most_ > 0 && before_(element, elements_.front()));
  }

  void Add(Element element) {
    if (!IsWanted(element)) return;
    if (elements_.size() == most_) {
      std::ranges::pop_heap(elements_, before_);
      elements_.pop_back();
    }
    elements_.push_back(std::move(element));
    std::ranges::push_heap(elements_, before_);
  }

  // In their order.
  std::vector<Element> Take() {
    std::ranges::sort_heap(elements_, before_);
    return std::move(elements_);
  }

 private:
  size_t most_;
  Before before_;
  std::vector<Element> elements_;  // a heap, the last by `before_` in front
};

}  // namespace permacache::cli

#endif  // PERMACACHE_CLI_TOP_H_
