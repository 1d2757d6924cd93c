#include "gateway/transcription_run.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/system/system_error.hpp>
#include <utility>

#include "gateway/ability.hpp"
#include "gateway/answer.hpp"
#include "gateway/face.hpp"
#include "gateway/router_desk.hpp"
#include "gateway/step_exchange.hpp"
#include "media/wav.hpp"
#include "media/windows.hpp"
#include "protocols/openai.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
namespace transcription = protocols::transcription;

// What a model says of one window; the client of a stream gets it as it comes.
class WindowFace final : public Face {
public:
    WindowFace(bool stream, bool first) : stream_(stream), first_(first) {}

    [[nodiscard]] const std::string& text() const { return line_.text(); }

    [[nodiscard]] std::string reply(const json::object& /*reply*/) override { return {}; }  // windows are streamed
    [[nodiscard]] std::string_view stream_type() const override { return "text/event-stream"; }
    void event(const llm::StreamEvent& event, std::string& out) override {
        const bool begins = line_.text().empty();
        auto piece = line_.add(llm::text_of(event));
        if (!stream_ || piece.empty()) return;
        transcription::append_delta(out, begins && !first_ ? " " + piece : piece);
    }
    void end(std::string& /*out*/) override {}
    void heartbeat(std::string_view what, std::string& out) override { out.append(": ").append(what).append("\n\n"); }
    void stream_error(const Error& /*error*/, std::string& /*out*/) override {}  // whoever runs the windows tells

private:
    transcription::OneLine line_;
    bool stream_;
    bool first_;  // nothing was said before
};

class TranscriptionRun {
public:
    TranscriptionRun(net::Exchange& exchange, Caller& caller, transcription::Call call, Shared shared)
        : exchange_(exchange),
          caller_(caller),
          call_(std::move(call)),
          shared_(shared),
          progress_(exchange, call_.stream, [this] { begin(); }) {}

    // Never throws but for cancellation.
    asio::awaitable<void> go() {
        Result<void> done;
        try {
            done = co_await run();
        } catch (const boost::system::system_error& error) {
            if (error.code() == asio::error::operation_aborted) throw;
            done = fail(Code::internal, error.what());
        } catch (const std::exception& error) { done = fail(Code::internal, error.what()); }
        if (!done) co_await refuse(done.error());
    }

    // What its client had of it was not the whole.
    void left() {
        if (complete_) return;
        caller_.status = 499;
        exchange_.abort();
    }

private:
    asio::awaitable<Result<void>> run() {
        if (auto found = find_hearer(); !found) co_return found;
        if (shared_.media == nullptr) co_return fail(Code::unsupported, "recordings are not taken here");
        auto recording = co_await shared_.media->hear(std::string(call_.file), call_.label, "file");
        if (!recording) co_return std::unexpected(recording.error());
        heard_.seconds = recording->seconds();
        caller_.notes.emplace_back("sound_seconds", fmt::format("{:g}", heard_.seconds));
        for (;;) {
            const auto window = co_await recording->next();
            if (!window) co_return std::unexpected(window.error());
            if (!*window) break;
            const auto seconds = [](std::size_t sample) { return static_cast<double>(sample) / media::sound_rate; };
            // Models hear words in silence.
            if (media::is_silent((*window)->samples, media::sound_rate)) continue;
            auto said = co_await ask((*window)->samples);
            if (!said) co_return std::unexpected(said.error());
            // Of a window in which nobody speaks there is nothing to tell.
            if (!said->empty())
                heard_.segments.push_back(
                    {.begin = seconds((*window)->begin), .end = seconds((*window)->end()), .text = std::move(*said)});
        }
        co_return co_await tell();
    }

    // Who is asked: the model that is named, or for "auto" and OpenAI's own names the one that `routing` has for sound.
    Result<void> find_hearer() {
        const auto& config = shared_.config;
        auto index = find_model(config, call_.model);
        if (!index &&
            (call_.model.empty() || config::names_auto(call_.model) || transcription::is_stock_name(call_.model))) {
            const auto targets = shared_.desk.targets(shared_.catalogue);
            const auto& usual = targets.audio.empty() ? targets.multimodal : targets.audio;
            if (usual.empty())
                return std::unexpected(Error{.code = Code::not_found,
                                             .message = "no model here hears",
                                             .hint = "Give a chat model its mmproj, or name one on a server.",
                                             .field = "model"});
            index = find_model(config, usual);
        }
        if (!index && config.find_pipeline(call_.model) != nullptr)
            return std::unexpected(
                Error{.code = Code::unsupported,
                      .message = fmt::format("'{}' is a pipeline; expected a model that hears", call_.model),
                      .field = "model"});
        if (!index) return std::unexpected(access::without_names(index.error(), caller_.visit.key()));
        const auto& model = config.models[*index];
        if (auto allowed = access::may_use(caller_.visit.key(), model.name); !allowed) return allowed;
        if (auto able = is_able(model, llm::Task::chat); !able) return able;
        if (model.local && !model.remote && !hears(*model.local))
            return std::unexpected(Error{
                .code = Code::unsupported,
                .message = fmt::format("model '{}' hears nothing; expected one with an mmproj for sound", model.name),
                .field = "model"});
        model_ = model.name;
        return {};
    }

    // What is not known of a projector yet, the worker will say.
    [[nodiscard]] bool hears(const config::LocalModel& local) const {
        if (!local.mmproj) return false;
        const auto facts = shared_.catalogue.look(*local.mmproj).facts;
        return !facts || facts->hears;
    }

    asio::awaitable<Result<std::string>> ask(std::string_view samples) {
        const auto said = transcription::whole_text(heard_);
        auto request = transcription::ask_for(call_, model_, media::wav_of(samples, media::sound_rate), said);
        StepExchange exchange(exchange_, progress_);
        WindowFace face(call_.stream, said.empty());
        Caller window{.visit = {},
                      .name = caller_.name,
                      .id = fmt::format("{}.{}", caller_.id, ++windows_),
                      .trace = caller_.trace};
        co_await answer(exchange, window, std::move(request), face, Protocol::openai, shared_);
        if (window.usage) {
            caller_.visit.spend(window.usage->prompt_tokens + window.usage->completion_tokens);
            heard_.usage.prompt_tokens += window.usage->prompt_tokens;
            heard_.usage.completion_tokens += window.usage->completion_tokens;
        }
        if (window.failure) co_return std::unexpected(std::move(*window.failure));
        if (windows_ == 1)
            for (auto& note : window.notes)
                if (note.first == "model" || note.first == "backend" || note.first == "endpoint")
                    caller_.notes.push_back(std::move(note));
        co_return face.text();
    }

    asio::awaitable<Result<void>> tell() {
        caller_.usage = heard_.usage;
        heard_.language = language();
        complete_ = true;
        if (!call_.stream)
            co_return co_await exchange_.respond({.content_type = std::string(transcription::media_type(call_.format)),
                                                  .body = transcription::encode(call_, heard_),
                                                  .headers = headers()});
        if (!exchange_.started()) begin();
        std::string out;
        transcription::append_done(out, heard_);
        co_return co_await exchange_.finish(out);
    }

    // As the client says, else as the words look.
    [[nodiscard]] std::string language() const {
        if (call_.translate) return "en";
        if (!call_.language.empty()) return call_.language;
        const auto text = transcription::whole_text(heard_);
        if (text.empty()) return {};
        const llm::Request words{
            .model = model_, .body = {{"messages", json::array{json::object{{"role", "user"}, {"content", text}}}}}};
        const auto guess = shared_.desk.language_of(words);
        return guess == "other" ? "" : guess;
    }

    void begin() {
        auto list = headers();
        list.emplace_back("Cache-Control", "no-cache");
        list.emplace_back("X-Accel-Buffering", "no");
        exchange_.start(200, "text/event-stream", list);
    }
    [[nodiscard]] net::HeaderList headers() const { return {{"x-sarai-model", model_}}; }

    asio::awaitable<void> refuse(Error error) {
        if (error.code == Code::internal) spdlog::error("a bug ended request {}: {}", caller_.id, error.message);
        caller_.status = http_status(error.code);
        complete_ = error.code != Code::cancelled;
        if (!exchange_.started()) co_return (void) co_await exchange_.respond(error_reply(Protocol::openai, error));
        std::string out;
        protocols::openai::append_event(out, protocols::openai::encode_error(error));
        (void)co_await exchange_.finish(out);
    }

    net::Exchange& exchange_;
    Caller& caller_;
    transcription::Call call_;
    Shared shared_;
    Progress progress_;
    std::string model_;
    transcription::Heard heard_;
    int windows_ = 0;
    bool complete_ = false;
};

}  // namespace

asio::awaitable<void> answer_transcription(net::Exchange& exchange, Caller& caller, transcription::Call call,
                                           Shared shared) {
    TranscriptionRun run(exchange, caller, std::move(call), shared);
    if (co_await exchange.while_connected(run.go())) run.left();
}

}  // namespace sarai::gateway
