// What `sarai top` looks like: a screen as values, and as elements for FTXUI.
#pragma once

#include <ftxui/dom/elements.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/top_view.hpp"

namespace sarai::cli {

struct TopScreen {
    std::string url;
    std::optional<TopView> view;  // nothing before the first answer
    std::vector<double> used;     // see TopHistory
    std::vector<double> requests;
    std::vector<double> tokens;
    std::vector<std::string> log;

    bool keys = true;          // false: a snapshot, which nobody steers
    std::size_t selected = 0;  // of the models
    bool paused = false;
    std::string lost;  // why there is no answer from the server; empty: there is
    std::string message;
    bool failed = false;  // the message is an error's

    // Text in place of the tables: help, decisions.
    struct Panel {
        std::string title;
        std::vector<std::string> lines;
        std::size_t first = 0;  // line shown
    };
    std::optional<Panel> panel;
};

struct TopLook {
    bool colour = false;  // and styles; a selected line is inverted all the same
    bool unicode = true;
};

// `height` lines at most, of `width` columns. What has no room is left out, the log first.
[[nodiscard]] ftxui::Elements top_lines(const TopScreen& screen, int width, int height, const TopLook& look);

// The lines as text without anything that steers a terminal; or with its styles.
[[nodiscard]] std::string text_of(const ftxui::Elements& lines, int width, bool styled);

[[nodiscard]] std::vector<std::string> top_help();

}  // namespace sarai::cli
