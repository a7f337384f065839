#include "commands/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "base/utf8.h"

namespace qte::commands {
namespace {

constexpr double kWidth = 960;
constexpr double kLeft = 70;  // left edge of the plot
constexpr double kRight = 940;
constexpr double kPlotHeight = 170;
constexpr double kTitleHeight = 34;
constexpr double kLegendLine = 18;
constexpr double kAxisHeight = 40;
constexpr double kLetter = 6.7;  // approximate width of a letter at 12 pixels
constexpr size_t kLongestName = 120;
// Colours that people with any kind of colour vision can tell apart on white.
constexpr auto kColours = std::to_array<std::string_view>(
    {"#0b66c2", "#c2410c", "#15803d", "#9333ea", "#b8860b", "#0e7490", "#be185d", "#57606a"});

std::string Number(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

// Up to three digits, without trailing zeros.
std::string Short(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

std::string Escaped(std::string text) {
  MakeValidUtf8(text, kLongestName);
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;  // XML has no control characters
    }
  }
  return escaped;
}

std::string TextAt(double x, double y, const std::string& text, std::string_view style = {}) {
  return "<text x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" " + std::string(style) + ">" + Escaped(text) +
         "</text>\n";
}

std::string LineFrom(double x1, double y1, double x2, double y2, std::string_view style) {
  return "<line x1=\"" + Number(x1) + "\" y1=\"" + Number(y1) + "\" x2=\"" + Number(x2) + "\" y2=\"" + Number(y2) +
         "\" " + std::string(style) + "/>\n";
}

// Distance between two marks of an axis: 1, 2 or 5 times a power of ten.
double NiceStep(double range, double marks) {
  const double raw = range / marks;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 5.0}) {
    if (power * factor >= raw * 0.999) return power * factor;
  }
  return power * 10;
}

struct Range {
  double min = 0;
  double max = 1;
};

Range RangeOf(const Chart& chart) {
  Range range{INFINITY, 0};
  for (const ChartLine& line : chart.lines) {
    for (double value : line.values) {
      if (!std::isfinite(value)) continue;
      range.max = std::max(range.max, value);
      if (value > 0) range.min = std::min(range.min, value);
    }
  }
  if (range.max <= 0) return {1e-3, 1};
  return range;
}

// Maps the values of one chart to heights.
class Scale {
 public:
  explicit Scale(const Chart& chart) : is_log_(chart.unit == Chart::Unit::kSeconds), unit_(chart.unit) {
    const Range range = RangeOf(chart);
    if (is_log_) {
      bottom_ = std::floor(std::log10(range.min));
      top_ = std::max(std::ceil(std::log10(range.max)), bottom_ + 1);
    } else {
      step_ = NiceStep(range.max, 4);
      top_ = std::ceil(range.max / step_) * step_;
    }
  }

  double HeightOf(double value) const {
    const double at = is_log_ ? std::log10(std::max(value, std::pow(10, bottom_))) : value;
    return kPlotHeight * (at - bottom_) / (top_ - bottom_);
  }
  std::vector<double> Marks() const {
    std::vector<double> marks;
    if (is_log_) {
      for (double power = bottom_; power <= top_; power += 1) marks.push_back(std::pow(10, power));
    } else {
      for (double mark = 0; mark <= top_ * 1.001; mark += step_) marks.push_back(mark);
    }
    return marks;
  }
  std::string TextOf(double mark) const { return unit_ == Chart::Unit::kSeconds ? SecondsText(mark) : RateText(mark); }

 private:
  const bool is_log_;
  const Chart::Unit unit_;
  double bottom_ = 0;
  double top_ = 1;
  double step_ = 1;
};

// Draws the parts of a line between gaps. A part with a single point becomes a dot.
std::string Path(const ChartLine& line, const Scale& scale, double top, size_t steps, std::string_view colour) {
  std::string text;
  std::string points;
  size_t count = 0;
  double x = kLeft;
  double y = top;
  auto end_part = [&] {
    const std::string paint = std::string("\"") + std::string(colour) + "\"";
    if (count == 1) text += "<circle cx=\"" + Number(x) + "\" cy=\"" + Number(y) + "\" r=\"2\" fill=" + paint + "/>\n";
    if (count > 1)
      text += "<polyline points=\"" + points + "\" fill=\"none\" stroke-width=\"1.5\" stroke=" + paint + "/>\n";
    points.clear();
    count = 0;
  };
  for (size_t i = 0; i < line.values.size(); ++i) {
    if (!std::isfinite(line.values[i])) {
      end_part();
      continue;
    }
    x = kLeft + (kRight - kLeft) * (static_cast<double>(i) + 0.5) / static_cast<double>(steps);
    y = top + kPlotHeight - scale.HeightOf(line.values[i]);
    if (count > 0) points += ' ';
    points.append(Number(x)).append(",").append(Number(y));
    ++count;
  }
  end_part();
  return text;
}

// Writes names with their colours in as many lines as necessary. Returns the height of the legend.
double AddLegend(const Chart& chart, double top, std::string& svg) {
  double x = kLeft;
  double y = top;
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    const std::string& name = chart.lines[i].name;
    const double width = 18 + kLetter * static_cast<double>(std::min(name.size(), kLongestName)) + 16;
    if (x > kLeft && x + width > kRight) {
      x = kLeft;
      y += kLegendLine;
    }
    const std::string style = "stroke=\"" + std::string(kColours[i % kColours.size()]) + "\" stroke-width=\"3\"";
    svg += LineFrom(x, y + 8, x + 12, y + 8, style) + TextAt(x + 18, y + 12, name);
    x += width;
  }
  return y - top + kLegendLine;
}

void AddAxes(const Scale& scale, double top, double seconds, std::string& svg) {
  constexpr std::string_view kGrid = "stroke=\"#d0d7de\"";
  constexpr std::string_view kToTheLeft = "text-anchor=\"end\" class=\"dim\"";
  constexpr std::string_view kCentred = "text-anchor=\"middle\" class=\"dim\"";
  for (double mark : scale.Marks()) {
    const double y = top + kPlotHeight - scale.HeightOf(mark);
    svg += LineFrom(kLeft, y, kRight, y, kGrid) + TextAt(kLeft - 6, y + 4, scale.TextOf(mark), kToTheLeft);
  }
  const double step = NiceStep(seconds, 8);
  for (double at = 0; at <= seconds; at += step) {
    const double x = kLeft + (kRight - kLeft) * at / seconds;
    svg += LineFrom(x, top + kPlotHeight, x, top + kPlotHeight + 4, kGrid);
    svg += TextAt(x, top + kPlotHeight + 18, SecondsText(at), kCentred);
  }
}

size_t StepsOf(const ChartGroup& group) {
  size_t steps = 1;
  for (const Chart& chart : group.charts) {
    for (const ChartLine& line : chart.lines) steps = std::max(steps, line.values.size());
  }
  return steps;
}

// Draws a chart and returns the position of its lower end.
double AddChart(const Chart& chart, double top, size_t steps, double step_seconds, std::string& svg) {
  const Scale scale(chart);
  svg += TextAt(kLeft, top + 20, chart.title, "class=\"title\"");
  const double plot = top + kTitleHeight + AddLegend(chart, top + kTitleHeight - 6, svg);
  AddAxes(scale, plot, static_cast<double>(steps) * step_seconds, svg);
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    svg += Path(chart.lines[i], scale, plot, steps, kColours[i % kColours.size()]);
  }
  return plot + kPlotHeight + kAxisHeight;
}

}  // namespace

std::string SecondsText(double seconds) {
  if (seconds == 0) return "0";
  if (seconds < 1e-3) return Short(seconds * 1e6) + " µs";
  if (seconds < 1) return Short(seconds * 1e3) + " ms";
  if (seconds < 120) return Short(seconds) + " s";
  if (seconds < 7200) return Short(seconds / 60) + " min";
  return Short(seconds / 3600) + " h";
}

std::string RateText(double rate) {
  if (rate >= 999'500) return Short(rate / 1e6) + "M";
  if (rate >= 9995) return Short(rate / 1e3) + "k";
  if (rate >= 999.5) return std::to_string(static_cast<int>(std::round(rate)));
  return Short(rate);
}

std::string ToSvg(const std::vector<ChartGroup>& groups) {
  std::string body;
  double y = 10;
  for (const ChartGroup& group : groups) {
    body += TextAt(20, y + 22, group.title, "class=\"head\"");
    y += kTitleHeight;
    const size_t steps = StepsOf(group);
    for (const Chart& chart : group.charts) y = AddChart(chart, y, steps, group.step_seconds, body);
  }
  const std::string size =
      Number(kWidth) + "\" height=\"" + Number(y + 10) + "\" viewBox=\"0 0 " + Number(kWidth) + ' ' + Number(y + 10);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"" + size +
         "\">\n<title>Rates and latencies over the trace's time</title>\n"
         "<style>text{font:12px sans-serif;fill:#1f2328}.dim{fill:#59636e}.title{font-weight:600}"
         ".head{font-size:16px;font-weight:600}</style>\n"
         "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" +
         body + "</svg>\n";
}

}  // namespace qte::commands
