#include "cli/run_session.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <ostream>
#include <utility>

#include "config/config.hpp"

namespace sarai::cli {

namespace asio = boost::asio;

namespace {

std::optional<Hints> hints_for(const std::string& model) {
    return config::names_auto(model) ? std::optional<Hints>(std::in_place) : std::nullopt;
}

// Writes pieces as they come. Thoughts are for eyes only: whoever pipes an answer on wants the answer.
class Printer {
public:
    explicit Printer(Io& io) : io_(io), style_{wants_colour(io, io.out_terminal)} {}

    [[nodiscard]] ChatSink sink() {
        return {.answer = [this](std::string_view text) { answer(text); },
                .thought = [this](std::string_view text) { thought(text); },
                .waiting = [this](std::string_view text) { waiting(text); },
                .note = [this](std::string_view text) { note(text); },
                .unicode = io_.unicode,
                .columns = status_columns(io_)};
    }
    // The prompt, or the shell's, belongs on a line of its own.
    void end() {
        if (thinking_ || (wrote_ && last_ != '\n')) io_.out << "\n";
        io_.out.flush();
    }

private:
    void answer(std::string_view text) {
        if (thinking_) io_.out << "\n\n";
        thinking_ = false;
        put(io_.out_terminal ? filter_.pass(text) : std::string(text), false);
    }
    void thought(std::string_view text) {
        if (!io_.out_terminal) return;
        thinking_ = true;
        put(filter_.pass(text), true);
    }
    // On one line of the error stream that is wiped before the answer.
    void waiting(std::string_view text) {
        if (text.empty() && !waited_) return;
        waited_ = !text.empty();
        show_status(io_, text);
    }
    void note(std::string_view text) {
        if (io_.err_terminal)
            io_.err << Style{wants_colour(io_, true)}.dim("(" + std::string(text) + ")") << "\n" << std::flush;
    }
    void put(const std::string& text, bool dim) {
        if (text.empty()) return;
        io_.out << (dim ? style_.dim(text) : text) << std::flush;
        wrote_ = true;
        last_ = text.back();
    }

    Io& io_;
    Style style_;
    TerminalFilter filter_;
    bool thinking_ = false;
    bool waited_ = false;
    bool wrote_ = false;
    char last_ = '\n';
};

}  // namespace

RunSession::RunSession(net::Origin origin, std::string model, Io& io, bool catch_interrupts)
    : io_(io),
      hints_(hints_for(model)),
      conversation_(context_, std::move(origin), std::move(model)),
      signals_(context_) {
    if (!catch_interrupts) return;
    signals_.add(SIGINT);
    wait_for_signal();
}

std::optional<Result<void>> RunSession::ask(std::string question, std::vector<Attachment> attachments) {
    Printer printer(io_);
    const ChatSink sink = printer.sink();
    std::optional<Result<void>> outcome;
    bool done = false;
    interrupted_ = false;
    asio::co_spawn(context_, conversation_.ask(std::move(question), std::move(attachments), sink),
                   asio::bind_cancellation_slot(turn_.slot(), [&](std::exception_ptr thrown, Result<void> result) {
                       done = true;
                       if (!thrown) {
                           outcome = std::move(result);
                           return;
                       }
                       try {
                           std::rethrow_exception(thrown);
                       } catch (const boost::system::system_error& error) {
                           // Asio unwinds a cancelled coroutine with this.
                           if (error.code() != asio::error::operation_aborted) throw;
                       }
                   }));
    context_.restart();
    bool unread = false;
    while (!done) {
        context_.run_one();
        // A disk that is full, a reader that is gone: the model need not go on for nobody.
        if (!io_.out && !std::exchange(unread, true)) turn_.emit(asio::cancellation_type::terminal);
    }
    if (std::exchange(interrupted_, false) || unread) outcome.reset();
    printer.end();
    return outcome;
}

bool RunSession::typing(std::string_view typed) {
    context_.restart();
    context_.poll();
    if (interrupted_) return false;
    if (!hints_ || hinting_) return true;
    auto text = hints_->next(typed, std::chrono::steady_clock::now());
    if (!text) return true;
    hinting_ = true;
    asio::co_spawn(context_, conversation_.hint(*std::move(text)),
                   [this](const std::exception_ptr&) { hinting_ = false; });
    context_.poll();
    return true;
}

bool RunSession::take_interrupt() {
    context_.restart();
    context_.poll();
    return std::exchange(interrupted_, false);
}

void RunSession::set_model(std::string model) {
    hints_ = hints_for(model);
    conversation_.set_model(std::move(model));
}

void RunSession::wait_for_signal() {
    signals_.async_wait([this](boost::system::error_code ec, int) {
        if (ec) return;
        interrupted_ = true;
        turn_.emit(asio::cancellation_type::terminal);
        wait_for_signal();
    });
}

std::string TerminalFilter::pass(std::string_view piece) {
    std::string out;
    for (const char c : piece) {
        const auto byte = static_cast<unsigned char>(c);
        if (after_c2_) {
            after_c2_ = false;
            if (byte >= 0x80 && byte < 0xa0) continue;
            out += '\xc2';
        }
        if (byte == 0xc2) {
            after_c2_ = true;
        } else if ((byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\t') {
            out += c;
        }
    }
    return out;
}

}  // namespace sarai::cli
