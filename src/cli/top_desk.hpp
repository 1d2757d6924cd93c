// What keys and answers make of the screen of `sarai top`. Pure.
//
// Decides what is asked of the server, and does not ask it: whoever owns the desk hands answers in, and sends what
// `Ask` is given.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cli/top_feed.hpp"
#include "cli/top_rates.hpp"
#include "cli/top_screen.hpp"

namespace sarai::cli {

class TopDesk {
public:
    using Ask = std::function<void(net::ClientRequest request, TopFeed::Told told)>;

    // `unicode`: of what decisions are drawn with. The callbacks that `ask` is given live no longer than this.
    TopDesk(std::string url, bool unicode, Ask ask);

    void hear(Result<TopSample> sample);

    enum class Key : std::uint8_t { up, down, page_up, page_down, load, unload, drain, why, pause, help, other };
    void press(Key key);

    [[nodiscard]] const TopScreen& screen() const { return screen_; }
    void as_snapshot() { screen_.keys = false; }

private:
    [[nodiscard]] const TopModel* selected() const;
    void move(int by);
    void scroll(int by);
    void say(std::string text, bool failed = false);
    void change(const std::string& model, const std::string& what);
    void drain(const TopModel& model);
    void open_decisions(const std::string& model);

    Ask ask_;
    bool unicode_;
    TopScreen screen_;
    TopHistory history_;
};

}  // namespace sarai::cli
