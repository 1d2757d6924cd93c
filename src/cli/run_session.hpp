// Turns of a conversation one after another, at a terminal or not, of which SIGINT ends the one that runs.
//
// The signal is caught for as long as this lives: also libedit, which has handlers of its own while it reads, hands on
// to this one what did not come from a key.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/chat.hpp"
#include "cli/hints.hpp"
#include "cli/io.hpp"

namespace sarai::cli {

class RunSession {
public:
    RunSession(net::Origin origin, std::string model, Io& io, bool catch_interrupts);

    // Prints the answer as it comes. Nothing: it was interrupted.
    [[nodiscard]] std::optional<Result<void>> ask(std::string question, std::vector<Attachment> attachments = {});

    // To be called again and again while somebody types: tells the server what was typed so far if the model is "auto",
    // so that what will answer is loaded meanwhile. Never waits. False: a signal has come.
    [[nodiscard]] bool typing(std::string_view typed);

    // Has a signal come since the last call or turn?
    [[nodiscard]] bool take_interrupt();

    void set_model(std::string model);
    [[nodiscard]] Conversation& conversation() { return conversation_; }

private:
    void wait_for_signal();

    Io& io_;
    std::optional<Hints> hints_;
    boost::asio::io_context context_{1};
    Conversation conversation_;
    boost::asio::signal_set signals_;
    boost::asio::cancellation_signal turn_;
    bool interrupted_ = false;
    bool hinting_ = false;
};

// Model output may hold anything; a terminal must not obey it. Keeps line ends and tabs, drops other control
// characters: C0, DEL, and C1 in UTF-8 even where it is split between two pieces.
class TerminalFilter {
public:
    [[nodiscard]] std::string pass(std::string_view piece);

private:
    bool after_c2_ = false;
};

}  // namespace sarai::cli
