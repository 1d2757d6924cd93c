#include "media/recording.hpp"

#include <algorithm>

#include "media/ffmpeg.hpp"
#include "media/windows.hpp"
#include "net/on_thread.hpp"

namespace sarai::media {

double Recording::seconds() const { return static_cast<double>(all_) / sound_rate; }

boost::asio::awaitable<Result<std::optional<Stretch>>> Recording::next(double longest) {
    const auto count = std::min(all_ - at_, static_cast<std::size_t>(std::max(1.0, longest * sound_rate)));
    if (count == 0) co_return std::optional<Stretch>{};
    auto read = co_await net::on_thread(*disk_, [scratch = scratch_, file = file_, from = data_ + 2 * at_, count] {
        return scratch->read(file, from, 2 * count);
    });
    if (!read) co_return std::unexpected(std::move(read.error()));
    if (read->size() < 2 * count) co_return fail(Code::io, "the recording's file has become shorter");
    read->resize(2 * cut_at_quiet(*read, at_ + count < all_, sound_rate));
    Stretch stretch{.begin = at_, .samples = std::move(*read)};
    at_ = stretch.end();
    co_return stretch;
}

}  // namespace sarai::media
