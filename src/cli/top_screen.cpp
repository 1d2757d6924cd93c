#include "cli/top_screen.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ftxui/screen/screen.hpp>

#include "base/bytes.hpp"
#include "cli/sparkline.hpp"
#include "cli/top_table.hpp"

namespace sarai::cli {
namespace {

using ftxui::Color;
using ftxui::Element;
using ftxui::Elements;
using ftxui::hbox;
using ftxui::text;

// Those of `sarai ps`.
constexpr std::array share_colours{Color::Cyan, Color::Magenta, Color::Blue, Color::Yellow, Color::Green};

std::string letter_of(std::size_t share) { return std::string(1, static_cast<char>('a' + share % 26)); }

std::string time_of(std::int64_t seconds) {
    if (seconds < 90) return fmt::format("{} s", seconds);
    if (seconds < 5400) return fmt::format("{} min", (seconds + 30) / 60);
    if (seconds < 172'800) return fmt::format("{} h", (seconds + 1800) / 3600);
    return fmt::format("{} d", (seconds + 43'200) / 86'400);
}

std::string number_or_dash(const std::optional<double>& value, std::string_view unit = "") {
    if (!value) return "-";
    return fmt::format("{:.{}f}{}", *value, *value < 10 ? 1 : 0, unit);
}

std::string seconds_or_dash(const std::optional<double>& value) {
    if (!value) return "-";
    if (*value < 0.9995) return fmt::format("{:.0f}ms", *value * 1000);
    return number_or_dash(value, "s");
}

class Drawing {
public:
    Drawing(const TopScreen& screen, int width, int height, const TopLook& look)
        : screen_(screen), look_(look), width_(static_cast<std::size_t>(std::max(width, 1))), height_(height) {}

    Elements draw() {
        add_header();
        const auto last = foot();
        const auto end = height_ - static_cast<int>(last.size());
        if (screen_.panel)
            add_panel(end);
        else if (screen_.view)
            add_sections(end);
        if (screen_.keys)
            while (std::ssize(lines_) < end) lines_.push_back(text(""));
        lines_.resize(static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(end, 0, std::ssize(lines_))));
        std::ranges::copy(last, std::back_inserter(lines_));
        return std::move(lines_);
    }

private:
    Element painted(Element element, Color colour) const {
        return look_.colour ? element | ftxui::color(colour) : element;
    }
    Element bold(Element element) const { return look_.colour ? element | ftxui::bold : element; }
    Element dim(Element element) const { return look_.colour ? element | ftxui::dim : element; }
    Element of_share(std::size_t share, std::string drawn) const {
        return painted(text(std::move(drawn)), share_colours.at(share % share_colours.size()));
    }

    void add_header() {
        std::string about = " " + screen_.url;
        if (screen_.view) about += fmt::format("  {}  up {}", screen_.view->version, time_of(screen_.view->uptime_s));
        if (screen_.paused) about += "  paused";
        lines_.push_back(hbox({bold(text("sarai top")), text(about)}));
        if (!screen_.lost.empty())
            for (const auto& line : wrapped(screen_.lost + "; trying again", width_))
                lines_.push_back(painted(text(line), Color::Red));
        if (!screen_.view) return;
        add_bar(*screen_.view);
        add_ledger(*screen_.view);
        if (!screen_.view->trouble.empty())
            for (const auto& line : wrapped(screen_.view->trouble, width_))
                lines_.push_back(painted(text(line), Color::Red));
    }

    // Who takes, has taken and was promised how much of the budget.
    void add_bar(const TopView& view) {
        constexpr std::string_view title = "memory  ";
        Elements bar{text(std::string(title))};
        const auto cells =
            share_cells(view.shares, view.budget, static_cast<int>(width_ - std::min(width_, title.size())));
        for (const auto& cell : cells) bar.push_back(drawn(cell));
        lines_.push_back(hbox(std::move(bar)));
    }
    Element drawn(const Cell& cell) const {
        const bool u = look_.unicode;
        switch (cell.kind) {
            case Cell::Kind::free: return text(u ? "░" : ".");
            case Cell::Kind::promised: return of_share(cell.share, u ? "▒" : "+");
            case Cell::Kind::peak: return of_share(cell.share, u ? "▓" : "=");
            case Cell::Kind::filled: break;
        }
        return of_share(cell.share, look_.colour && u ? "█" : letter_of(cell.share));
    }
    void add_ledger(const TopView& view) {
        const auto line =
            fmt::format("{} used (peak {}), {} reserved, {} free, of {}; the machine has {} left",
                        to_string(Bytes{view.used}), to_string(Bytes{view.peak}), to_string(Bytes{view.reserved}),
                        to_string(Bytes{view.free()}), to_string(Bytes{view.budget}), to_string(Bytes{view.available}));
        for (const auto& part : wrapped(line, width_ - std::min<std::size_t>(width_ - 1, 8))) {
            auto shown = text("        " + part);
            lines_.push_back(view.used > view.budget            ? painted(shown, Color::Red)
                             : view.used * 10 > view.budget * 9 ? painted(shown, Color::Yellow)
                                                                : shown);
        }
    }

    void add_sections(int end) {
        const auto endpoints = endpoint_lines(screen_.view->endpoints);
        add_models(*screen_.view, end - std::min<int>(4, static_cast<int>(endpoints.size()) + 1));
        add_section(endpoints, end);
        add_section(chart_lines(), end);
        Elements log;
        const auto room = static_cast<std::size_t>(std::max(0, end - static_cast<int>(lines_.size()) - 1));
        const auto shown = std::min({screen_.log.size(), room, screen_.keys ? room : std::size_t{5}});
        for (auto i = screen_.log.size() - shown; i < screen_.log.size(); ++i) log.push_back(dim(text(screen_.log[i])));
        add_section(log, end);
    }
    void add_section(const Elements& section, int end) {
        if (section.empty() || std::ssize(lines_) + 2 > end) return;
        lines_.push_back(text(""));
        for (const auto& line : section)
            if (std::ssize(lines_) < end) lines_.push_back(line);
    }

    void add_models(const TopView& view, int end) {
        std::vector<std::vector<std::string>> rows{{"sarai", "", "", "", short_size(view.shares.front().filled), "-",
                                                    short_size(view.shares.front().promised), "", "", ""}};
        for (const auto& model : view.models)
            rows.push_back({model.name, model.backend, model.state, model.endpoint, short_size(model.measured),
                            short_size(model.peak), short_size(model.planned), requests_of(model),
                            number_or_dash(model.rate.tokens_per_second),
                            seconds_or_dash(model.rate.first_token_seconds)});
        constexpr std::size_t marks = 4;  // which one is selected, and its letter in the bar
        const auto table = fitting_table({{{"MODEL"}},
                                          {{"BACKEND"}, 1},
                                          {{"STATE"}},
                                          {{"ENDPOINT"}, 3},
                                          {{"NOW", Align::right}},
                                          {{"PEAK", Align::right}, 5},
                                          {{"PLANNED", Align::right}, 6},
                                          {{"REQ", Align::right}, 7},
                                          {{"TOK/S", Align::right}, 4},
                                          {{"TTFT", Align::right}, 2}},
                                         rows, width_ - std::min(width_, marks));
        lines_.push_back(text(""));
        lines_.push_back(bold(text("    " + table.front())));
        // As many as there is room for, the selected one among them.
        const auto room = static_cast<std::size_t>(std::max(2, end - static_cast<int>(lines_.size())));
        const auto selected = screen_.selected + 1;
        const auto first = table.size() - 1 <= room || selected < room ? 0 : selected + 1 - room;
        for (auto i = first; i < std::min(first + room, table.size() - 1); ++i) {
            const bool chosen = screen_.keys && i == selected;
            auto line =
                hbox({text(chosen ? "> " : "  "), mark_of(view, i), text(" "), state_painted(view, i, table[i + 1])});
            lines_.push_back(chosen ? line | ftxui::inverted : line);
        }
    }
    // The letter or colour of what lies in the bar; a remote model is not in it.
    Element mark_of(const TopView& view, std::size_t share) const {
        if (share > 0 && !view.models[share - 1].local) return dim(text(look_.unicode ? "→" : "~"));
        if (share > 0 && !view.models[share - 1].loaded()) return text(" ");
        return of_share(share, look_.colour && look_.unicode ? "█" : letter_of(share));
    }
    Element state_painted(const TopView& view, std::size_t share, const std::string& line) const {
        if (share == 0) return text(line);
        const auto& model = view.models[share - 1];
        if (model.state.starts_with("down") || model.state.contains("quarantine"))
            return painted(text(line), Color::Red);
        return model.state.starts_with("unloaded") ? dim(text(line)) : text(line);
    }
    static std::string requests_of(const TopModel& model) {
        const auto waiting = model.waiting > 0 ? fmt::format("+{}", model.waiting) : std::string();
        return (model.in_flight ? std::to_string(*model.in_flight) : waiting.empty() ? "-" : "") + waiting;
    }

    Elements endpoint_lines(const std::vector<TopEndpoint>& endpoints) const {
        if (endpoints.empty()) return {};
        std::vector<std::vector<std::string>> rows;
        for (const auto& one : endpoints) {
            const auto latency = one.round_trip_ms ? fmt::format("{:.{}f} ms {}", *one.round_trip_ms,
                                                                 *one.round_trip_ms < 1 ? 2 : 1, one.distance)
                                                   : "-";
            rows.push_back(
                {one.name, one.up ? "up" : "down", latency, one.breaker,
                 one.capacity > 0 ? fmt::format("{}/{}", one.in_flight, one.capacity) : std::to_string(one.in_flight),
                 one.last_error});
        }
        const auto table = fitting_table({{{"ENDPOINT"}},
                                          {{"HEALTH"}},
                                          {{"LATENCY", Align::right}, 2},
                                          {{"BREAKER"}, 3},
                                          {{"REQ", Align::right}, 4},
                                          {{"LAST ERROR"}}},
                                         rows, width_);
        Elements lines{bold(text(table.front()))};
        for (std::size_t i = 0; i < endpoints.size(); ++i)
            lines.push_back(endpoints[i].up ? text(table[i + 1]) : painted(text(table[i + 1]), Color::Red));
        return lines;
    }

    Elements chart_lines() const {
        constexpr int beside = 10 + 12;
        const int room = std::clamp(static_cast<int>(width_) - beside, 0, 120);
        const auto line = [&](std::string_view name, const std::vector<double>& values, double top,
                              const std::string& now) {
            return hbox({text(fmt::format("{:<10}", name)),
                         painted(text(sparkline(values, room, top, look_.unicode)), Color::Cyan), text("  " + now)});
        };
        if (screen_.used.size() < 2) return {};
        return {line("used", screen_.used, static_cast<double>(screen_.view->budget),
                     to_string(Bytes{static_cast<std::int64_t>(screen_.used.back())})),
                line("requests", screen_.requests, 1, fmt::format("{:.1f}/s", screen_.requests.back())),
                line("tokens", screen_.tokens, 10, fmt::format("{:.0f}/s", screen_.tokens.back()))};
    }

    void add_panel(int end) {
        const auto& panel = *screen_.panel;
        lines_.push_back(text(""));
        lines_.push_back(bold(text(panel.title)));
        for (auto i = panel.first; i < panel.lines.size() && std::ssize(lines_) < end; ++i)
            lines_.push_back(text(panel.lines[i]));
    }

    // What the server said last, or which keys there are.
    Elements foot() const {
        if (!screen_.keys) return {};
        Elements lines;
        if (!screen_.message.empty()) {
            constexpr std::size_t most = 4;
            for (const auto& line : wrapped(screen_.message, width_))
                if (lines.size() < most) lines.push_back(screen_.failed ? painted(text(line), Color::Red) : text(line));
            return lines;
        }
        lines.push_back(dim(text(screen_.panel ? "up, down: scroll   any other key: back"
                                 : width_ < 78 ? "l load u unload d drain w why p pause ? help q quit"
                                               : "up/down select   l load   u unload   d drain   w why   p pause   "
                                                 "? help   q quit")));
        return lines;
    }

    const TopScreen& screen_;
    const TopLook& look_;
    std::size_t width_;
    int height_;
    Elements lines_;
};

}  // namespace

Elements top_lines(const TopScreen& screen, int width, int height, const TopLook& look) {
    return Drawing(screen, width, height, look).draw();
}

std::string text_of(const Elements& lines, int width, bool styled) {
    auto screen =
        ftxui::Screen::Create(ftxui::Dimension::Fixed(width), ftxui::Dimension::Fixed(static_cast<int>(lines.size())));
    ftxui::Render(screen, ftxui::vbox(lines));
    if (styled) return screen.ToString() + "\n";
    std::string all;
    for (int y = 0; y < screen.dimy(); ++y) {
        std::string line;
        for (int x = 0; x < screen.dimx(); ++x) line += screen.at(x, y);
        line.erase(line.find_last_not_of(' ') + 1);
        all += line + "\n";
    }
    return all;
}

std::vector<std::string> top_help() {
    return {"up, down  select a model",
            "l         load it; also one in quarantine",
            "u         unload it; refused while it answers",
            "d         drain it: unload it as soon as its answers have ended",
            "          (again: no longer)",
            "w         why: what was decided about it, with the numbers",
            "p         pause: look at what is there",
            "q         leave",
            "",
            "NOW, PEAK, PLANNED: memory here, in MiB (M) and GiB (G). In the bar",
            "what is used, then the peak, then what was promised, then free.",
            "→ (or ~): it runs elsewhere, and takes no memory here.",
            "REQ: requests in flight, +those that wait. TOK/S: of answers that",
            "ended in the last 10 s. TTFT: time to the first token, of the last",
            "answers."};
}

}  // namespace sarai::cli
