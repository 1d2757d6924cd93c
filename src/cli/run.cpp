#include "cli/run.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <csignal>
#include <istream>
#include <optional>
#include <ostream>

#include "cli/chat.hpp"
#include "cli/hints.hpp"
#include "config/config.hpp"

namespace sarai::cli {
namespace {

namespace asio = boost::asio;

constexpr std::string_view help_text =
    "  /bye, Ctrl-D  leave\n"
    "  /clear        forget the conversation\n"
    "  /help         this list\n"
    "  Ctrl-C        stop the answer\n";

// Writes pieces as they come. Thoughts are for eyes only: whoever pipes an answer on wants the answer.
class Printer {
public:
    explicit Printer(Io& io) : io_(io), style_{wants_colour(io, io.out_terminal)} {}

    [[nodiscard]] ChatSink sink() {
        return {.answer = [this](std::string_view text) { answer(text); },
                .thought = [this](std::string_view text) { thought(text); },
                .waiting = [this](std::string_view text) { waiting(text); },
                .note = [this](std::string_view text) { note(text); }};
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
        if (!io_.err_terminal || (text.empty() && !waited_)) return;
        waited_ = !text.empty();
        io_.err << "\r\033[K" << text << std::flush;
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

// Runs turns one after another and lets SIGINT end the one that runs. The signal is caught for as long as this lives:
// also libedit, which has handlers of its own while it reads, hands on to this one what did not come from a key.
class Session {
public:
    Session(net::Origin origin, std::string model, Io& io, bool catch_interrupts)
        : io_(io),
          hints_(config::names_auto(model) ? std::optional<Hints>(std::in_place) : std::nullopt),
          conversation_(context_, std::move(origin), std::move(model)),
          signals_(context_) {
        if (!catch_interrupts) return;
        signals_.add(SIGINT);
        wait_for_signal();
    }

    // Nothing: it was interrupted.
    [[nodiscard]] std::optional<Result<void>> ask(std::string question) {
        Printer printer(io_);
        const ChatSink sink = printer.sink();
        std::optional<Result<void>> outcome;
        bool done = false;
        interrupted_ = false;
        asio::co_spawn(context_, conversation_.ask(std::move(question), sink),
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
        while (!done) context_.run_one();
        if (std::exchange(interrupted_, false)) outcome.reset();
        printer.end();
        return outcome;
    }

    // To be called again and again while somebody types: tells the server what was typed so far if the model is "auto",
    // so that what will answer is loaded meanwhile. Never waits. False: a signal has come.
    [[nodiscard]] bool typing(std::string_view typed) {
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

    // Has a signal come since the last call or turn?
    [[nodiscard]] bool take_interrupt() {
        context_.restart();
        context_.poll();
        return std::exchange(interrupted_, false);
    }
    [[nodiscard]] Conversation& conversation() { return conversation_; }

private:
    void wait_for_signal() {
        signals_.async_wait([this](boost::system::error_code ec, int) {
            if (ec) return;
            interrupted_ = true;
            turn_.emit(asio::cancellation_type::terminal);
            wait_for_signal();
        });
    }

    Io& io_;
    std::optional<Hints> hints_;
    asio::io_context context_{1};
    Conversation conversation_;
    asio::signal_set signals_;
    asio::cancellation_signal turn_;
    bool interrupted_ = false;
    bool hinting_ = false;
};

Result<std::string> read_all(std::istream& in) {
    constexpr std::size_t limit = std::size_t{16} << 20U;
    std::string text;
    std::array<char, 16384> piece{};
    while (in.read(piece.data(), piece.size()), in.gcount() > 0) {
        text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
        if (text.size() > limit) return fail(Code::too_large, "standard input is longer than 16 MiB");
    }
    return text;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    const auto start = text.find_first_not_of(blank);
    if (start == std::string_view::npos) return {};
    return text.substr(start, text.find_last_not_of(blank) - start + 1);
}

int report(Io& io, const Error& error) {
    print_error(io, describe(error));
    return exit_status(error.code);
}

}  // namespace

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

int answer_once(const net::Origin& origin, const RunOptions& options, Io& io) {
    std::string prompt = options.prompt;
    // A device is no data: reading a terminal here would wait for somebody who already gave the prompt.
    if (io.in_data || (prompt.empty() && io.in_terminal)) {
        const auto piped = read_all(io.in);
        if (!piped) return report(io, piped.error());
        if (!trim(*piped).empty()) prompt += (prompt.empty() ? "" : "\n\n") + *piped;
    }
    if (trim(prompt).empty()) {
        print_error(io, fmt::format("nothing to ask; try: sarai run {} \"Why is the sky blue?\"", options.model));
        return exit_status(Code::invalid_argument);
    }
    Session session(origin, options.model, io, false);
    const auto outcome = session.ask(std::move(prompt));
    session.conversation().close();
    if (!outcome) return exit_status(Code::cancelled);
    return *outcome ? 0 : report(io, outcome->error());
}

int converse(const net::Origin& origin, const std::string& model, const LineSource& read_line, Io& io) {
    const Style style{wants_colour(io, io.out_terminal)};
    Session session(origin, model, io, true);
    const auto on_pause = [&](std::string_view typed) { return session.typing(typed); };
    io.out << style.dim("/help lists commands, Ctrl-D leaves.") << "\n" << std::flush;
    while (true) {
        // A signal between an answer's end and the prompt came for the answer, not for the line that was typed since.
        (void)session.take_interrupt();
        const auto line = read_line(model + "> ", on_pause);
        const bool interrupted = session.take_interrupt();
        if (!line && (interrupted || line.error() == LineEditor::NoLine::interrupted)) {
            io.out << "\n" << style.dim("/bye or Ctrl-D leaves.") << "\n" << std::flush;
            continue;
        }
        if (!line) break;
        const auto text = trim(*line);
        if (text.empty()) continue;
        if (text == "/bye" || text == "/exit") return 0;
        if (text == "/clear") {
            session.conversation().forget();
        } else if (text == "/help" || text == "/?") {
            io.out << help_text << std::flush;
        } else if (text.starts_with('/') && !text.contains(' ')) {
            print_error(io, fmt::format("no command {}; /help lists them", text));
        } else {
            const auto outcome = session.ask(std::string(text));
            if (!outcome) {
                io.out << style.dim("(stopped)") << "\n" << std::flush;
            } else if (!*outcome) {
                (void)report(io, outcome->error());
            }
        }
    }
    io.out << "\n" << std::flush;
    return 0;
}

int run_model(const RunOptions& options, Io& io) {
    const auto origin = find_server(options.server, io);
    if (!origin) return report(io, origin.error());
    if (!options.prompt.empty() || !io.in_terminal || !io.out_terminal) return answer_once(*origin, options, io);
    LineEditor editor(history_file(io.environment));
    return converse(
        *origin, options.model,
        [&](const std::string& prompt, const LineEditor::OnPause& on_pause) { return editor.read(prompt, on_pause); },
        io);
}

}  // namespace sarai::cli
