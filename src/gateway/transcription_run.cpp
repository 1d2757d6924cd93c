#include "gateway/transcription_run.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <utility>

#include "gateway/ability.hpp"
#include "gateway/answer.hpp"
#include "gateway/ask.hpp"
#include "gateway/face.hpp"
#include "gateway/hearing_face.hpp"
#include "gateway/router_desk.hpp"
#include "gateway/step_exchange.hpp"
#include "media/wav.hpp"
#include "media/windows.hpp"
#include "protocols/openai.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
namespace hearing = protocols::hearing;
namespace transcription = protocols::transcription;

// For a place among the recordings that are listened to, where neither the request nor the model's queue says how long
// it may wait: others may be for a model that does not answer.
constexpr std::chrono::minutes usual_patience{5};

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
        const auto asked = ask_of(exchange_, caller_.name);
        if (!asked) co_return std::unexpected(asked.error());
        auto recording = co_await shared_.media->hear(take_file(), call_.label, "file", patience(asked->patience));
        // It is on the disk by now.
        exchange_.let_go_of_body();
        if (!recording) co_return std::unexpected(recording.error());
        heard_.seconds = recording->seconds();
        caller_.notes.emplace_back("sound_seconds", fmt::format("{:g}", heard_.seconds));
        if (auto done = whisper_ ? co_await hear_pieces(*recording) : co_await ask_windows(*recording); !done)
            co_return done;
        co_return co_await tell();
    }

    // The recording's bytes, in the place that the form had them in: a copy would be as large again.
    std::string take_file() {
        if (call_.file.empty()) return {};
        const auto from = static_cast<std::size_t>(call_.file.data() - exchange_.request().body().data());
        const auto size = call_.file.size();
        call_.file = {};
        auto bytes = exchange_.take_body();
        bytes.resize(from + size);
        bytes.erase(0, from);
        return bytes;
    }

    // As long as for the model itself, at most.
    [[nodiscard]] std::chrono::milliseconds patience(std::chrono::milliseconds theirs) const {
        if (theirs.count() == 0 && max_wait_.count() == 0) return usual_patience;
        return theirs.count() == 0 ? max_wait_ : max_wait_.count() == 0 ? theirs : std::min(theirs, max_wait_);
    }

    static double seconds(std::size_t sample) { return static_cast<double>(sample) / media::sound_rate; }

    // A chat model says what it hears in half a minute, and no times.
    asio::awaitable<Result<void>> ask_windows(media::Recording& recording) {
        for (;;) {
            const auto window = co_await recording.next();
            if (!window) co_return std::unexpected(window.error());
            if (!*window) co_return Result<void>{};
            // Models hear words in silence.
            if (media::is_silent((*window)->samples, media::sound_rate)) continue;
            const auto before = transcription::whole_text(heard_);
            WindowFace face(call_.stream, before.empty());
            auto said = co_await ask(
                transcription::ask_for(call_, model_, media::wav_of((*window)->samples, media::sound_rate), before),
                face);
            if (!said) co_return said;
            // Of a window in which nobody speaks there is nothing to tell.
            if (!face.text().empty())
                heard_.segments.push_back(
                    {.begin = seconds((*window)->begin), .end = seconds((*window)->end()), .text = face.text()});
        }
    }

    // Whisper says when it heard it, and goes through as many windows as there are.
    asio::awaitable<Result<void>> hear_pieces(media::Recording& recording) {
        auto language = call_.language.empty() ? whisper_->language : call_.language;
        for (;;) {
            const auto piece = co_await recording.next(hearing::longest_piece);
            if (!piece) co_return std::unexpected(piece.error());
            if (!*piece) break;
            if (media::is_silent((*piece)->samples, media::sound_rate)) continue;
            const auto said = transcription::whole_text(heard_);
            HearingFace face(seconds((*piece)->begin), call_.stream, said.empty());
            auto heard = co_await ask(transcription::hear(call_, model_, (*piece)->samples, language, said), face);
            if (!heard) co_return heard;
            // What the first piece is in, so are the others.
            if (!face.language().empty()) language = face.language();
            for (auto& segment : face.take_segments()) heard_.segments.push_back(std::move(segment));
        }
        heard_.language = language == "auto" ? "" : language;
        co_return Result<void>{};
    }

    // The first model that does nothing else, of those that the client may use.
    [[nodiscard]] const config::Model* usual_ear() const {
        for (const auto& model : shared_.config.models)
            if (!model.retired && model.kind == config::ModelKind::transcription &&
                access::may_use(caller_.visit.key(), model.name))
                return &model;
        return nullptr;
    }

    // Who is asked: the model that is named, or for "auto" and OpenAI's own names one that does nothing but hear, else
    // the one that `routing` has for sound.
    Result<void> find_hearer() {
        const auto& config = shared_.config;
        auto index = find_model(config, call_.model);
        const bool any = !index && (call_.model.empty() || config::names_auto(call_.model) ||
                                    transcription::is_stock_name(call_.model));
        if (const auto* ear = any ? usual_ear() : nullptr) {
            index = find_model(config, ear->name);
        } else if (any) {
            const auto targets = shared_.desk.targets(shared_.catalogue);
            const auto& usual = targets.audio.empty() ? targets.multimodal : targets.audio;
            if (usual.empty())
                return std::unexpected(
                    Error{.code = Code::not_found,
                          .message = "no model here hears",
                          .hint = "Configure one with backend whisper, give a chat model its mmproj, or name "
                                  "one on a server.",
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
        model_ = model.name;
        max_wait_ = model.queue.max_wait;
        if (model.kind == config::ModelKind::transcription) {
            whisper_ = model.local;
            return {};
        }
        if (auto able = is_able(model, llm::Task::chat); !able) return able;
        if (call_.words)
            return std::unexpected(Error{.code = Code::unsupported,
                                         .message = fmt::format("model '{}' tells no times of words; expected "
                                                                "timestamp_granularities[] segment, or a model with "
                                                                "backend whisper",
                                                                model.name),
                                         .field = "timestamp_granularities[]"});
        if (model.local && !model.remote && !hears(*model.local))
            return std::unexpected(Error{
                .code = Code::unsupported,
                .message = fmt::format("model '{}' hears nothing; expected one with an mmproj for sound", model.name),
                .field = "model"});
        return {};
    }

    // What is not known of a projector yet, the worker will say.
    [[nodiscard]] bool hears(const config::LocalModel& local) const {
        if (!local.mmproj) return false;
        const auto facts = shared_.catalogue.look(*local.mmproj).facts;
        return !facts || facts->hears;
    }

    asio::awaitable<Result<void>> ask(llm::Request request, Face& face) {
        StepExchange exchange(exchange_, progress_);
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
        co_return Result<void>{};
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

    // As whisper heard it or the client says, else as the words look.
    [[nodiscard]] std::string language() const {
        if (call_.translate) return "en";
        if (whisper_) return heard_.language;
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
    std::chrono::milliseconds max_wait_{};       // of its queue
    std::optional<config::LocalModel> whisper_;  // the model's, where it is one of whisper.cpp
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
