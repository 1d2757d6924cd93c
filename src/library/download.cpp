#include "library/download.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/sha256.hpp"
#include "net/on_thread.hpp"

namespace sarai::library {
namespace {

using std::chrono::steady_clock;
namespace status = protocols::ollama::status;
using net::http::field;

constexpr auto between_reports = std::chrono::milliseconds(100);
// So much goes to the disk's thread at once: a turn there takes some 20 µs.
constexpr std::size_t portion = 256U << 10U;
// An attempt that brought less is no progress: a server that ends each connection after some bytes is not worth waiting
// for.
constexpr Bytes some_progress = MiB(1);
constexpr std::string_view gguf_magic = "GGUF";

// First and whole size in "bytes 100-199/200".
struct ContentRange {
    std::optional<Bytes> first;
    std::optional<Bytes> whole;
};
ContentRange content_range(std::string_view text) {
    constexpr std::string_view unit = "bytes ";
    if (!text.starts_with(unit)) return {};
    text.remove_prefix(unit.size());
    const auto slash = text.find('/');
    return {.first = bytes_in(text.substr(0, text.find('-'))),
            .whole = slash == std::string_view::npos ? std::nullopt : bytes_in(text.substr(slash + 1))};
}

std::string file_name(std::string_view url) { return std::string(url.substr(url.rfind('/') + 1)); }

class Download {
    // The work shares the writer: it outlives us if we are cancelled meanwhile.
    template <class Work>
    asio::awaitable<std::invoke_result_t<Work&, BlobWriter&>> on_disk(Work work) {
        return net::on_thread(disk_, [writer = writer_, work = std::move(work)]() mutable { return work(*writer); });
    }

public:
    Download(const Library& library, asio::thread_pool& disk, RemoteFile file, Patience patience, Report report)
        : library_(library), disk_(disk), file_(std::move(file)), patience_(patience), report_(std::move(report)) {}

    asio::awaitable<Result<Downloaded>> run() {
        auto opened = library_.new_blob({.digest = file_.digest, .resume = name_for_later(file_)});
        if (!opened) co_return std::unexpected(opened.error());
        writer_ = std::make_shared<BlobWriter>(std::move(*opened));
        writer_->keep_for_later();
        // In pieces: whoever stops waiting for it stops it.
        for (bool whole = false; !whole;) {
            auto read = co_await on_disk([](BlobWriter& writer) { return writer.read_back(); });
            if (!read) co_return std::unexpected(read.error());
            whole = *read;
        }
        furthest_ = writer_->written();

        if (!file_.size || writer_->written() != *file_.size) {
            auto done = co_await persist<bool>(patience_, [this] { return attempt(); });
            if (!done) co_return std::unexpected(done.error());
        }
        tell(true);
        if (report_) report_({.status = std::string(file_.digest ? status::verifying_digest : status::not_verified)});
        auto digest = co_await on_disk([](BlobWriter& writer) { return writer.finish(); });
        if (digest) co_return Downloaded{.digest = *digest, .hold = library_.hold(*digest)};
        auto error = std::move(digest.error());
        if (error.code == Code::invalid_argument) error.code = Code::upstream;  // a wrong file, but not the client's
        error.message = fmt::format("{}: {}", file_.url, error.message);
        co_return std::unexpected(std::move(error));
    }

private:
    // The writer is only good for what can be verified: by its hash, or by the ETag that it came with.
    net::ClientRequest request() const {
        net::ClientRequest request;
        const auto etag = writer_->note();
        if (writer_->written().count == 0 || (!file_.digest && etag.empty())) return request;
        request.headers.emplace_back("Range", fmt::format("bytes={}-", writer_->written().count));
        if (!etag.empty()) request.headers.emplace_back("If-Range", etag);
        return request;
    }

    asio::awaitable<Attempt<bool>> attempt() {
        auto opened = co_await net::open_url(file_.url, request(), patience_.budgets);
        if (!opened) co_return std::unexpected(fault_of(file_.url, std::move(opened.error())));
        auto& answer = *opened->body;
        if (answer.status() == 416) {  // what we have is longer than the file: it is of another one
            if (auto again = writer_->restart(); !again) co_return std::unexpected(Fault{.error = again.error()});
            co_return std::unexpected(Fault{.error = wrong("has changed while it was downloaded"), .transient = true});
        }
        if (answer.status() != 200 && answer.status() != 206)
            co_return std::unexpected(co_await fault_of(file_.url, answer));
        if (auto ready = prepare(answer); !ready) co_return std::unexpected(Fault{.error = ready.error()});
        tell(true);
        auto taken = co_await take(answer);
        if (taken && (!total_ || writer_->written() == *total_)) co_return true;
        auto fault =
            taken ? Fault{.error =
                              wrong(fmt::format("ended after {} of {} bytes", writer_->written().count, total_->count))}
                  : std::move(taken.error());
        // Further than ever before: where each attempt starts over, none of them leads anywhere.
        fault.progressed = writer_->written() - furthest_ >= some_progress;
        furthest_ = std::max(furthest_, writer_->written());
        co_return std::unexpected(std::move(fault));
    }

    // What an answer's head says of what follows.
    Result<void> prepare(const net::BodyStream& answer) {
        const auto length = bytes_in(header_of(answer, field::content_length));
        total_ = length;
        if (answer.status() == 206) {
            const auto range = content_range(header_of(answer, field::content_range));
            if (range.first != writer_->written())
                return std::unexpected(
                    wrong(fmt::format("answered \"{}\" when asked for what follows byte {}",
                                      header_of(answer, field::content_range), writer_->written().count)));
            total_ = range.whole ? range.whole : length ? std::optional(*length + *range.first) : std::nullopt;
        } else if (auto again = writer_->restart(); !again) {
            return again;
        }
        if (file_.size && total_ && *file_.size != *total_)
            return std::unexpected(wrong(fmt::format("has {} bytes; expected {}", total_->count, file_.size->count)));
        if (!total_) total_ = file_.size;
        if (total_)
            if (auto room = library_.check_room(*total_ - writer_->written()); !room) return room;
        // A weak one does not promise the same bytes (RFC 9110, 13.1.5).
        const auto etag = header_of(answer, field::etag);
        return writer_->set_note(etag.starts_with("W/") ? std::string_view{} : etag);
    }

    asio::awaitable<Attempt<std::monostate>> take(net::BodyStream& answer) {
        std::string waiting;
        for (;;) {
            const auto part = co_await answer.read_some();
            // Without a hash nothing else would find out that a page with a login came instead.
            if (part && writer_->written().count == 0 && waiting.size() < gguf_magic.size() && !part->empty()) {
                const auto head = waiting + std::string(part->substr(0, gguf_magic.size()));
                if (!head.starts_with(gguf_magic.substr(0, head.size()))) {
                    (void)writer_->restart();
                    co_return std::unexpected(Fault{.error = wrong("is not in GGUF format")});
                }
            }
            if (part) waiting += *part;
            const bool over = !part || part->empty();
            if (over || waiting.size() >= portion) {
                auto written = co_await on_disk(
                    [piece = std::exchange(waiting, {})](BlobWriter& writer) { return writer.write(piece); });
                if (!written) co_return std::unexpected(Fault{.error = written.error()});
                tell(false);
            }
            if (!part) co_return std::unexpected(fault_of(file_.url, part.error()));
            if (over && std::cmp_less(writer_->written().count, gguf_magic.size()))
                co_return std::unexpected(Fault{.error = wrong("is not in GGUF format")});
            if (over) co_return std::monostate{};
        }
    }

    [[nodiscard]] Error wrong(std::string_view what) const {
        return {.code = Code::upstream, .message = fmt::format("{} {}", file_.url, what)};
    }

    void tell(bool whatever) {
        const auto now = steady_clock::now();
        if (!report_ || (!whatever && now - told_ < between_reports)) return;
        told_ = now;
        report_({.status = status::pulling(file_.digest ? *file_.digest : file_name(file_.url)),
                 .digest = file_.digest.value_or(""),
                 .total = total_ ? *total_ : file_.size.value_or(Bytes{}),
                 .completed = writer_->written()});
    }

    const Library& library_;
    asio::thread_pool& disk_;
    RemoteFile file_;
    Patience patience_;
    Report report_;
    std::shared_ptr<BlobWriter> writer_;
    std::optional<Bytes> total_;
    Bytes furthest_;  // written by any attempt
    steady_clock::time_point told_;
};

}  // namespace

std::string name_for_later(const RemoteFile& file) {
    return file.digest ? file.digest->substr(file.digest->find(':') + 1) : sha256_hex(file.url);
}

asio::awaitable<Result<Downloaded>> download(const Library& library, asio::thread_pool& disk, RemoteFile file,
                                             Patience patience, Report report) {
    Download one(library, disk, std::move(file), patience, std::move(report));
    co_return co_await one.run();
}

}  // namespace sarai::library
