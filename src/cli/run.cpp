#include "cli/run.hpp"

#include <fmt/format.h>

#include <array>
#include <istream>
#include <ostream>

#include "base/utf8.hpp"
#include "cli/line_editor.hpp"
#include "cli/run_command.hpp"
#include "cli/run_session.hpp"
#include "cli/talk.hpp"

namespace sarai::cli {
namespace {

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

// Where it is not UTF-8 no server could read the request, and would speak of JSON that nobody has written.
Result<void> check_text(std::string_view what, std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto length = utf8_length(text.substr(at));
        if (length == 0)
            return fail(Code::invalid_argument, fmt::format("{} is not UTF-8 text (byte {})", what, at + 1),
                        "Convert it, for example: iconv -f latin1 -t utf8 FILE | sarai run …");
        at += length;
    }
    return {};
}

}  // namespace

int answer_once(const net::Origin& origin, const RunOptions& options, Io& io) {
    std::string prompt = options.prompt;
    if (auto text = check_text("the prompt", prompt); !text) return fail_with(io, text.error());
    // A device is no data: reading a terminal here would wait for somebody who already gave the prompt.
    if (io.in_data || (prompt.empty() && io.in_terminal)) {
        const auto piped = read_all(io.in);
        if (!piped) return fail_with(io, piped.error());
        if (auto text = check_text("standard input", *piped); !text) return fail_with(io, text.error());
        if (!trimmed(*piped).empty()) prompt += (prompt.empty() ? "" : "\n\n") + *piped;
    }
    if (trimmed(prompt).empty()) {
        print_error(io, fmt::format("nothing to ask; try: sarai run {} \"Why is the sky blue?\"", options.model));
        return exit_status(Code::invalid_argument);
    }
    RunSession session(origin, options.model, io, false);
    const auto outcome = session.ask(std::move(prompt));
    session.conversation().close();
    if (!outcome) return exit_status(Code::cancelled);
    if (!*outcome) return fail_with(io, outcome->error());
    if (const auto& facts = session.conversation().facts(); facts && facts->cut_off)
        print_error(io, "the answer was cut off at a limit of its length: the context is full, or one is configured");
    return 0;
}

int run_model(const RunOptions& options, Io& io) {
    const auto origin = find_server(options.server, io);
    if (!origin) return fail_with(io, origin.error());
    if (!options.prompt.empty() || !io.in_terminal || !io.out_terminal) return answer_once(*origin, options, io);
    LineEditor editor(history_file(io.environment));
    return converse(
        *origin, options.model,
        [&](const std::string& prompt, const LineEditor::OnPause& on_pause) { return editor.read(prompt, on_pause); },
        io);
}

}  // namespace sarai::cli
