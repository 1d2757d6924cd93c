#include "cli/talk.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <set>
#include <utility>
#include <vector>

#include "base/nearest.hpp"
#include "base/replace_file.hpp"
#include "cli/attachment.hpp"
#include "cli/run_command.hpp"
#include "cli/run_session.hpp"
#include "cli/server.hpp"
#include "cli/talk_view.hpp"
#include "cli/transcript.hpp"
#include "config/problem.hpp"
#include "protocols/json.hpp"

namespace sarai::cli {
namespace {

using Kind = RunCommand::Kind;

class Talk {
public:
    Talk(net::Origin origin, std::string model, const LineSource& read_line, Io& io)
        : origin_(origin), io_(io), read_line_(read_line), session_(std::move(origin), std::move(model), io, true) {}

    int run() {
        note("/help lists commands, Ctrl-D leaves.");
        while (auto text = next_text()) {
            if (trimmed(text->text).empty()) continue;
            if (text->several_lines) {
                ask(std::move(text->text));
                continue;
            }
            const auto command = parse_run_command(text->text);
            if (!command)
                print_error(io_, describe(command.error()));
            else if (!*command)
                ask(std::string(trimmed(text->text)));
            else if ((*command)->kind == Kind::bye)
                return 0;
            else
                obey(**command);
        }
        io_.out << "\n" << std::flush;
        return 0;
    }

private:
    struct Text {
        std::string text;
        bool several_lines = false;
    };

    // Nothing: it is time to leave.
    std::optional<Text> next_text() {
        TypedText typed;
        bool several_lines = false;
        const auto on_pause = [&](std::string_view so_far) { return session_.typing(so_far); };
        while (true) {
            // A signal between an answer's end and the prompt came for the answer, not for the line that was typed
            // since.
            (void)session_.take_interrupt();
            const auto line = read_line_(typed.open() ? "... " : session_.conversation().model() + "> ", on_pause);
            const bool signalled = session_.take_interrupt();
            if (!line && !signalled && line.error() == LineEditor::NoLine::ended) return std::nullopt;
            if (!line) {
                const bool leaves = line.error() == LineEditor::NoLine::left && !typed.open();
                if (leaves && warned_) return std::nullopt;
                warned_ = leaves;
                typed.forget();
                several_lines = false;
                io_.out << "\n";
                note(leaves ? "Ctrl-C once more, /bye or Ctrl-D leaves." : "/bye or Ctrl-D leaves.");
                continue;
            }
            warned_ = false;
            if (auto whole = typed.add(*line)) return Text{.text = *std::move(whole), .several_lines = several_lines};
            several_lines = true;
        }
    }

    // A conversation that has grown too long for the model is refused by its worker, each time again.
    [[nodiscard]] Error with_advice(Error error) {
        if (error.hint.empty() && !session_.conversation().messages().empty() &&
            (error.code == Code::too_long || error.message.contains("exceeds the available context size")))
            error.hint = "/clear forgets the conversation";
        return error;
    }

    void ask(std::string question) {
        // They stay where nothing came of the question, so that another model can be asked.
        const auto before = session_.conversation().messages().size();
        const auto outcome = session_.ask(std::move(question), attachments_);
        if (session_.conversation().messages().size() > before) attachments_.clear();
        if (!outcome)
            note("(stopped)");
        else if (!*outcome)
            print_error(io_, describe(with_advice(outcome->error())));
        else if (const auto& facts = session_.conversation().facts(); facts && facts->cut_off)
            note("(cut off at a limit of its length; where the context is full, /clear makes room)");
        if (!attachments_.empty()) note(what_waits());
    }

    // After a question that came to nothing: a model that cannot take them would refuse every other one as well.
    [[nodiscard]] std::string what_waits() const {
        std::string names;
        std::set<std::string_view> drops;
        for (const auto& attachment : attachments_) {
            names += (names.empty() ? "" : ", ") + config::printable(attachment.name);
            drops.insert(command_of(attachment.family));
        }
        return fmt::format("({}: goes with the next message; {} alone drops it)", names, fmt::join(drops, " or "));
    }
    [[nodiscard]] static std::string_view command_of(media::Family family) {
        return family == media::Family::audio ? "/audio" : "/image";
    }

    void obey(const RunCommand& command) {
        auto& conversation = session_.conversation();
        switch (command.kind) {
            case Kind::bye: return;
            case Kind::clear:
                conversation.forget();
                attachments_.clear();
                return;
            case Kind::help: show(run_help()); return;
            case Kind::model: return change_model(command.argument);
            case Kind::image: return attach(command.argument, media::Family::image);
            case Kind::audio: return attach(command.argument, media::Family::audio);
            case Kind::why: show(answer_facts_text(conversation.facts())); return;
            case Kind::plan: return show_plan();
            case Kind::save: return save(command.argument);
            case Kind::set_system: conversation.settings().system = command.argument; return;
            case Kind::set_temperature: conversation.settings().temperature = command.number; return;
        }
    }

    void change_model(const std::string& name) {
        // Whether there is one of that name, the server knows; where it does not tell, the next answer does.
        const auto listed = get_json(origin_, "/v1/models");
        if (const auto* data = listed ? protocols::array_at(*listed, "data") : nullptr) {
            std::vector<std::string_view> names;
            for (const auto& entry : *data)
                if (const auto* model = entry.if_object()) names.push_back(protocols::string_at(*model, "id"));
            if (!std::ranges::contains(names, name) && !names.empty()) {
                const auto meant = nearest(name, names);
                return print_error(
                    io_, fmt::format("no model {}{}", config::printable(name),
                                     meant ? fmt::format("; did you mean {}?", *meant) : "; \"sarai ps\" lists them"));
            }
        }
        session_.set_model(name);
    }

    void attach(const std::string& typed, media::Family family) {
        if (typed.empty()) return drop(family);
        auto read = read_attachment(typed_path(typed, io_.environment), family);
        if (!read) return print_error(io_, describe(read.error()));
        note(fmt::format("({}, {}, {}: goes with the next message)", config::printable(read->name), read->kind,
                         to_string(read->size)));
        attachments_.push_back(std::move(*read));
    }

    void drop(media::Family family) {
        const auto dropped = std::erase_if(attachments_, [&](const auto& waits) { return waits.family == family; });
        note(dropped == 0 ? fmt::format("(nothing waits; {} takes a path)", command_of(family))
                          : fmt::format("({} dropped)", dropped));
    }

    void show_plan() {
        const auto plan = get_json(origin_, "/sarai/plan");
        if (!plan) return print_error(io_, describe(plan.error()));
        show(short_plan(*plan));
    }

    void save(const std::string& typed) {
        const auto file = typed_path(typed, io_.environment);
        const auto name = config::printable(file.string(), 400);
        std::error_code ignored;
        if (std::filesystem::exists(file, ignored) && !saved_.contains(file))
            return print_error(io_, fmt::format("{} exists; expected a new name", name));
        const auto& conversation = session_.conversation();
        const auto text = (file.extension() == ".json" ? transcript_json : transcript_markdown)(
            conversation.model(), session_.conversation().settings(), conversation.messages());
        if (const auto written = replace_file(file, text); !written)
            return print_error(io_, config::printable(describe(written.error()), 400));
        saved_.insert(file);
        note(fmt::format("({} messages in {})", conversation.messages().size(), name));
    }

    void show(std::string_view text) { io_.out << text << std::flush; }
    void note(std::string_view text) {
        io_.out << Style{wants_colour(io_, io_.out_terminal)}.dim(text) << "\n" << std::flush;
    }

    net::Origin origin_;
    Io& io_;
    const LineSource& read_line_;
    RunSession session_;
    std::vector<Attachment> attachments_;    // of the next message
    std::set<std::filesystem::path> saved_;  // may be written again
    bool warned_ = false;                    // that Ctrl-C leaves
};

}  // namespace

int converse(const net::Origin& origin, const std::string& model, const LineSource& read_line, Io& io) {
    return Talk(origin, model, read_line, io).run();
}

}  // namespace sarai::cli
