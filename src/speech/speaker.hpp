// Says texts: espeak-ng speaks one sentence after the other, ffmpeg makes of them the form that is wanted, both as
// child processes in a cage, and what is done leaves while the rest is spoken.
//
// Belongs to the io thread, from which it starts children. They get the text and the sound by pipes, have no network,
// bounds of memory and of processor time, and end with the caller that is cancelled. Few speak at once; others wait. It
// outlives its callers.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "config/config.hpp"
#include "media/set_aside.hpp"
#include "net/gate.hpp"
#include "protocols/speech.hpp"

namespace sarai::speech {

struct Order {
    std::string text;
    std::string voice;  // as find_voice() has it
    double speed = 1;
    protocols::speech::Format format = protocols::speech::Format::mp3;
};

class Speaker {
public:
    // Takes the next bytes, none empty; an error ends the speech.
    using Sink = std::function<boost::asio::awaitable<Result<void>>(std::string)>;

    // `settings` may change meanwhile, but for at_once, and outlive it.
    Speaker(const boost::asio::any_io_executor& executor, const config::Speech& settings)
        : settings_(settings), gate_(executor, settings.at_once) {}

    void count_memory(media::SetAside set_aside) { set_aside_ = std::move(set_aside); }

    // Errors: the sink's; no_memory where the budget leaves none for it; unsupported where a program is not installed,
    // with its package; timeout (speech.timeout); unavailable where its turn does not come in twice that time; io and
    // internal for children that fail, with their last words.
    [[nodiscard]] boost::asio::awaitable<Result<void>> speak(Order order, Sink sink);

private:
    const config::Speech& settings_;
    net::Gate gate_;
    media::SetAside set_aside_;
};

}  // namespace sarai::speech
