#include "cli/top.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ftxui/component/component.hpp>
#include <ftxui/component/event.hpp>
#include <ftxui/component/loop.hpp>
#include <ftxui/component/screen_interactive.hpp>
#include <ftxui/screen/terminal.hpp>
#include <map>
#include <optional>
#include <ostream>
#include <thread>

#include "cli/top_desk.hpp"
#include "cli/top_feed.hpp"
#include "config/problem.hpp"
#include "config/values.hpp"

namespace sarai::cli {
namespace {

using namespace std::chrono_literals;

int report(Io& io, const Error& error) {
    print_error(io, describe(error));
    return exit_status(error.code);
}

Result<std::chrono::milliseconds> interval_of(const std::string& text) {
    const auto interval = config::parse_duration(text);
    if (!interval || *interval < 100ms || *interval > 1h)
        return fail(Code::invalid_argument,
                    fmt::format("--interval is {}; expected a time from 100ms to 1h", config::in_quotes(text)));
    return *interval;
}

bool is_dumb(const Io& io) {
    const auto* term = io.environment.find("TERM");
    return term == nullptr || term->empty() || *term == "dumb";
}

int width_of(const Io& io) {
    if (io.out_terminal) return std::max(20, ftxui::Terminal::Size().dimx);
    constexpr int usual = 120;
    const auto* columns = io.environment.find_filled("COLUMNS");
    const int given = columns == nullptr ? 0 : std::atoi(columns->c_str());
    return given > 0 ? std::clamp(given, 20, 1000) : usual;
}

int show_once(const net::Origin& origin, Io& io) {
    TopDesk desk(url_of(origin), io.unicode, [](const net::ClientRequest&, const TopFeed::Told&) {});
    desk.as_snapshot();
    std::optional<Error> failure;
    bool heard = false;
    TopFeed feed(origin, 1h, [&](Result<TopSample> sample) {
        heard = true;
        if (!sample) failure = sample.error();
        desk.hear(std::move(sample));
    });
    while (!heard)
        if (!feed.deliver()) std::this_thread::sleep_for(5ms);
    if (failure) return report(io, *failure);
    const bool colour = wants_colour(io, io.out_terminal);
    constexpr int all = 10'000;
    const auto width = width_of(io);
    io.out << text_of(top_lines(desk.screen(), width, all, {.colour = colour, .unicode = io.unicode}), width, colour);
    return 0;
}

std::optional<TopDesk::Key> key_of(const ftxui::Event& event) {
    using Key = TopDesk::Key;
    using ftxui::Event;
    static const std::map<Event, Key> keys{
        {Event::ArrowUp, Key::up}, {Event::k, Key::up},           {Event::ArrowDown, Key::down},
        {Event::j, Key::down},     {Event::PageUp, Key::page_up}, {Event::PageDown, Key::page_down},
        {Event::l, Key::load},     {Event::u, Key::unload},       {Event::d, Key::drain},
        {Event::w, Key::why},      {Event::p, Key::pause},        {Event::Character('?'), Key::help},
        {Event::h, Key::help},     {Event::Escape, Key::other},   {Event::Return, Key::other}};
    const auto found = keys.find(event);
    if (found != keys.end()) return found->second;
    return event.is_character() ? std::optional(Key::other) : std::nullopt;
}

int show_live(const net::Origin& origin, std::chrono::milliseconds interval, Io& io) {
    const TopLook look{.colour = wants_colour(io, true), .unicode = io.unicode};
    auto terminal = ftxui::ScreenInteractive::Fullscreen();
    terminal.TrackMouse(false);
    terminal.ForceHandleCtrlC(false);
    std::optional<TopFeed> feed;
    TopDesk desk(url_of(origin), io.unicode, [&](net::ClientRequest request, TopFeed::Told told) {
        feed->ask(std::move(request), std::move(told));
    });
    const auto picture = ftxui::Renderer([&] {
        const auto size = ftxui::Terminal::Size();
        return ftxui::vbox(top_lines(desk.screen(), size.dimx, size.dimy, look));
    });
    const auto steered = ftxui::CatchEvent(picture, [&](const ftxui::Event& event) {
        if (event == ftxui::Event::CtrlC || (event == ftxui::Event::q && !desk.screen().panel)) {
            terminal.Exit();
            return true;
        }
        const auto key = key_of(event);
        if (!key) return false;
        desk.press(*key);
        feed->pause(desk.screen().paused);
        return true;
    });
    feed.emplace(origin, interval, [&](Result<TopSample> sample) { desk.hear(std::move(sample)); });
    // The feed's thread never touches the terminal: FTXUI's queue may go while somebody puts something into it.
    ftxui::Loop loop(&terminal, steered);
    while (!loop.HasQuitted()) {
        if (feed->deliver()) terminal.PostEvent(ftxui::Event::Custom);
        loop.RunOnce();
        std::this_thread::sleep_for(20ms);
    }
    return 0;
}

}  // namespace

int show_top(const TopOptions& options, Io& io) {
    const auto interval = interval_of(options.interval);
    if (!interval) return report(io, interval.error());
    const auto origin = find_server(options.server, io);
    if (!origin) return report(io, origin.error());
    const bool live = !options.once && io.in_terminal && io.out_terminal && !is_dumb(io);
    return live ? show_live(*origin, *interval, io) : show_once(*origin, io);
}

}  // namespace sarai::cli
