#include "benchmarks/chart.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <iterator>

namespace permacache::benchmarks {
namespace {

// In pixels.
constexpr double kWidth = 860, kHeight = 420;
constexpr double kLeft = 80, kRight = 210, kTop = 50, kBottom = 60;

constexpr const char* kColours[] = {"#1b6ca8", "#c1440e", "#2e8b57", "#8a4f9e", "#b08900"};

template <class... Values>
std::string Format(const char* format, Values... values) {
  char text[512];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    escaped += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  }
  return escaped;
}

// A logarithmic axis from one power of ten to another.
class Axis {
 public:
  Axis(double from, double to) : from_(from), to_(to) {}

  void Include(double value) {
    const double logarithm = std::log10(value);
    low_ = std::min(low_, std::floor(logarithm + 1e-9));
    high_ = std::max(high_, std::ceil(logarithm - 1e-9));
  }

  int low() const { return low_ > high_ ? 0 : static_cast<int>(low_); }
  int high() const { return low_ > high_ ? 1 : static_cast<int>(std::max(high_, low_ + 1)); }

  // In pixels.
  double At(double value) const {
    return from_ + (to_ - from_) * (std::log10(value) - low()) / (high() - low());
  }

 private:
  double from_, to_;
  double low_ = 1e9, high_ = -1e9;
};

// 10, 1k, 100M: how many powers of ten.
std::string PowerOfTen(int exponent) {
  if (exponent < 0) return Format("%g", std::pow(10, exponent));
  const char* const units[] = {"", "k", "M", "G", "T"};
  const auto unit = std::min<size_t>(exponent / 3, std::size(units) - 1);
  return Format("%g%s", std::pow(10, exponent - 3 * static_cast<int>(unit)), units[unit]);
}

std::string Text(double x, double y, const char* anchor, const std::string& text) {
  return Format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor) + Escaped(text) +
         "</text>\n";
}

std::string Line(double x1, double y1, double x2, double y2) {
  return Format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x1, y1,
                x2, y2);
}

std::string Draw(const Chart& chart) {
  Axis x(kLeft, kWidth - kRight), y(kHeight - kBottom, kTop);
  for (const Series& series : chart.series) {
    for (const auto& [px, py] : series.points) {
      x.Include(px);
      y.Include(py);
    }
  }
  std::string svg = Text(kLeft, kTop - 20, "start", chart.title);
  for (int power = x.low(); power <= x.high(); ++power) {
    const double at = x.At(std::pow(10, power));
    svg += Line(at, kTop, at, kHeight - kBottom);
    svg += Text(at, kHeight - kBottom + 18, "middle", PowerOfTen(power));
  }
  for (int power = y.low(); power <= y.high(); ++power) {
    const double at = y.At(std::pow(10, power));
    svg += Line(kLeft, at, kWidth - kRight, at);
    svg += Text(kLeft - 8, at + 4, "end", PowerOfTen(power));
  }
  svg += Text((kLeft + kWidth - kRight) / 2, kHeight - 18, "middle", chart.x_label);
  svg += Text(8, kTop - 20, "start", chart.y_label);
  size_t number = 0;
  for (const Series& series : chart.series) {
    if (series.points.empty()) continue;
    const char* const colour = kColours[number % std::size(kColours)];
    std::string path, marks;
    for (const auto& [px, py] : series.points) {
      path += Format("%s%.1f,%.1f", path.empty() ? "M" : " L", x.At(px), y.At(py));
      marks += Format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x.At(px), y.At(py),
                      colour);
    }
    svg += "<path d=\"" + path + "\"" +
           Format(" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", colour);
    svg += marks;
    const double label = kTop + 20 * static_cast<double>(number);
    svg += Format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", kWidth - kRight + 20,
                  label, colour);
    svg += Text(kWidth - kRight + 30, label + 4, "start", series.name);
    ++number;
  }
  return svg;
}

}  // namespace

std::string ToSvg(const std::vector<Chart>& charts) {
  const double height = kHeight * static_cast<double>(charts.size());
  std::string svg = Format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" "
      "fill=\"white\"/>\n",
      kWidth, height);
  double top = 0;
  for (const Chart& chart : charts) {
    svg += Format("<g transform=\"translate(0,%g)\">\n", top) + Draw(chart) + "</g>\n";
    top += kHeight;
  }
  return svg + "</svg>\n";
}

}  // namespace permacache::benchmarks
