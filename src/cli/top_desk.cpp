#include "cli/top_desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "cli/table.hpp"
#include "cli/why.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

constexpr int page = 10;

net::ClientRequest post(std::string target, const json::object& body) {
    return {.method = net::http::verb::post, .target = std::move(target), .body = json::serialize(body)};
}

}  // namespace

TopDesk::TopDesk(std::string url, bool unicode, Ask ask) : ask_(std::move(ask)), unicode_(unicode) {
    screen_.url = std::move(url);
}

void TopDesk::hear(Result<TopSample> sample) {
    if (!sample) {
        screen_.lost = describe(sample.error());
        return;
    }
    const auto* before = selected();
    const auto chosen =
        before == nullptr ? std::pair<std::string, std::string>() : std::pair(before->name, before->backend);
    screen_.lost.clear();
    const auto ledger = view_of(sample->status, history_).used;
    history_.add(sample->at, ledger, counts_of(sample->metrics));
    screen_.view = view_of(sample->status, history_);
    screen_.used = history_.used();
    screen_.requests = history_.requests();
    screen_.tokens = history_.tokens();
    screen_.log = log_lines(sample->log);
    // Rows come and go: what was selected stays so.
    const auto& models = screen_.view->models;
    const auto same = std::ranges::find_if(
        models, [&](const TopModel& model) { return std::pair(model.name, model.backend) == chosen; });
    if (same != models.end()) screen_.selected = static_cast<std::size_t>(same - models.begin());
    screen_.selected = std::min(screen_.selected, models.empty() ? 0 : models.size() - 1);
}

void TopDesk::press(Key key) {
    screen_.message.clear();
    if (screen_.panel) {
        switch (key) {
            case Key::up: return scroll(-1);
            case Key::down: return scroll(1);
            case Key::page_up: return scroll(-page);
            case Key::page_down: return scroll(page);
            default: screen_.panel.reset(); return;
        }
    }
    if (key == Key::help) {
        screen_.panel = {.title = "sarai top", .lines = top_help()};
        return;
    }
    if (key == Key::pause) {
        screen_.paused = !screen_.paused;
        return;
    }
    const auto* model = selected();
    if (model == nullptr) return;
    switch (key) {
        case Key::up: return move(-1);
        case Key::down: return move(1);
        case Key::page_up: return move(-page);
        case Key::page_down: return move(page);
        case Key::load: return change(model->name, "load");
        case Key::unload: return change(model->name, "unload");
        case Key::drain: return drain(*model);
        case Key::why: return open_decisions(model->name);
        default: return;
    }
}

const TopModel* TopDesk::selected() const {
    if (!screen_.view || screen_.selected >= screen_.view->models.size()) return nullptr;
    return &screen_.view->models[screen_.selected];
}

void TopDesk::move(int by) {
    const auto last = std::ssize(screen_.view->models) - 1;
    screen_.selected = static_cast<std::size_t>(
        std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(screen_.selected) + by, 0, last));
}

void TopDesk::scroll(int by) {
    const auto last = std::max<std::ptrdiff_t>(0, std::ssize(screen_.panel->lines) - 1);
    screen_.panel->first = static_cast<std::size_t>(
        std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(screen_.panel->first) + by, 0, last));
}

void TopDesk::say(std::string text, bool failed) {
    screen_.message = std::move(text);
    screen_.failed = failed;
}

void TopDesk::change(const std::string& model, const std::string& what) {
    say(fmt::format("{}: {} …", model, what));
    ask_(post("/sarai/" + what, {{"model", model}}), [this, model, what](const Result<json::object>& answer) {
        if (!answer) return say(describe(answer.error()), true);
        say(what == "load" ? fmt::format("{} is available", model) : stop_text(model, *answer));
    });
}

// The server drains, so that it goes on when nobody looks any more.
void TopDesk::drain(const TopModel& model) {
    const auto& name = model.name;
    const bool back = model.drain_asked;
    say(fmt::format("{}: {} …", name, back ? "stay" : "drain"));
    auto request = back ? post("/sarai/load", {{"model", name}}) : post("/sarai/unload", drain_request(name));
    ask_(std::move(request), [this, name, back](const Result<json::object>& answer) {
        if (!answer) return say(describe(answer.error()), true);
        say(back ? fmt::format("{} stays", name) : stop_text(name, *answer));
    });
}

void TopDesk::open_decisions(const std::string& model) {
    ask_({.target = why_target(model, 20)}, [this, model](const Result<json::object>& answer) {
        if (!answer) return say(describe(answer.error()), true);
        screen_.panel = {.title = fmt::format("why: what was decided about {}", model),
                         .lines = lines_of(render_decisions(*answer, Style{}, unicode_))};
    });
}

}  // namespace sarai::cli
