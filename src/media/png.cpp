#include "media/png.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/beast/zlib/inflate_stream.hpp>
#include <functional>

#include "media/byte_reader.hpp"

namespace sarai::media {
namespace {

namespace zlib = boost::beast::zlib;

constexpr std::size_t signature = 8;
constexpr std::size_t header_chunk = 13;

struct Chunk {
    std::string_view type;
    std::string_view data;
};
// Calls `see` for each chunk up to IEND, as long as it returns an empty text.
std::expected<void, std::string> walk(std::string_view bytes, const std::function<std::string(const Chunk&)>& see) {
    for (std::size_t at = signature;;) {
        const auto length = big(bytes, at, 4);
        if (!length || bytes.size() - at < 12 || bytes.size() - at - 12 < *length)
            return std::unexpected("it ends in the middle of a chunk");
        const Chunk chunk{.type = bytes.substr(at + 4, 4), .data = bytes.substr(at + 8, *length)};
        if (auto wrong = see(chunk); !wrong.empty()) return std::unexpected(std::move(wrong));
        if (chunk.type == "IEND") return {};
        at += 12 + std::size_t{*length};
    }
}

// Bytes of the unpacked rows, each with its filter byte; those of interlaced pictures are a little more.
std::uint64_t unpacked_size(std::string_view ihdr, const ImageHeader& header) {
    constexpr std::array<std::uint64_t, 7> channels{1, 0, 3, 1, 2, 0, 4};
    const auto bits = channels[static_cast<unsigned char>(ihdr[9])] * static_cast<unsigned char>(ihdr[8]);
    return (header.width * bits + 7) / 8 * header.height + header.height;
}

}  // namespace

std::expected<ImageHeader, std::string> read_png(std::string_view bytes) {
    ImageHeader header{.engine_reads = true};
    bool has_data = false;
    bool first = true;
    const auto walked = walk(bytes, [&](const Chunk& chunk) -> std::string {
        if (first != (chunk.type == "IHDR")) return "it does not begin with one header";
        if (first) {
            first = false;
            if (chunk.data.size() != header_chunk) return "its header has the wrong length";
            header.width = *big(chunk.data, 0, 4);
            header.height = *big(chunk.data, 4, 4);
            const auto depth = static_cast<unsigned char>(chunk.data[8]);
            const auto colour = static_cast<unsigned char>(chunk.data[9]);
            const bool depth_known = depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
            if (!depth_known || colour > 6 || colour == 1 || colour == 5) return "its header makes no sense";
        }
        has_data = has_data || (chunk.type == "IDAT" && !chunk.data.empty());
        return {};
    });
    if (!walked) return std::unexpected(walked.error());
    if (!has_data) return std::unexpected("it has no data");
    return header;
}

std::expected<void, std::string> check_png_data(std::string_view bytes, const ImageHeader& header) {
    zlib::inflate_stream unpacker;
    std::array<char, 64U << 10U> scratch;
    std::uint64_t count = 0;
    std::uint64_t most = 0;
    std::size_t to_skip = 2;  // zlib's header (RFC 1950), around the deflate stream
    bool ended = false;
    bool interlaced = false;
    const auto walked = walk(bytes, [&](const Chunk& chunk) -> std::string {
        if (chunk.type == "IHDR") {
            most = unpacked_size(chunk.data, header);
            interlaced = chunk.data[12] != 0;
        }
        if (chunk.type != "IDAT" || ended) return {};
        auto data = chunk.data;
        const auto skipped = std::min(to_skip, data.size());
        data.remove_prefix(skipped);
        to_skip -= skipped;
        zlib::z_params part{};
        part.next_in = data.data();
        part.avail_in = data.size();
        do {
            part.next_out = scratch.data();
            part.avail_out = scratch.size();
            boost::system::error_code ec;
            unpacker.write(part, zlib::Flush::none, ec);
            count += scratch.size() - part.avail_out;
            // Seven passes of an interlaced picture have up to seven filter bytes for a row.
            if (count > most + 8ULL * header.height + 64) return "its data unpack to more than its size needs";
            if (ec == zlib::error::end_of_stream) {
                ended = true;
                return {};
            }
            if (ec == zlib::error::need_buffers) return {};
            if (ec) return fmt::format("its data cannot be unpacked ({})", ec.message());
        } while (part.avail_in > 0 || part.avail_out == 0);
        return {};
    });
    if (!walked) return walked;
    if (!interlaced && count < most) return std::unexpected("its data unpack to less than its size needs");
    return {};
}

}  // namespace sarai::media
