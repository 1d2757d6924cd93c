// Files that requests bring, and the URLs that they name instead: data URIs, what a file is by its first bytes, headers
// of images and WAV, hosts and addresses. What is accepted lies within its limits; what is refused says why, readably.
#include "base/ip_address.hpp"
#include "media/data_uri.hpp"
#include "media/ffmpeg.hpp"
#include "media/guard.hpp"
#include "media/image_header.hpp"
#include "media/wav.hpp"
#include "parsers.hpp"
#include "protocols/base64.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

constexpr std::int64_t most_pixels = 1'000'000;

void check_files(std::string_view bytes) {
    using namespace media;
    const auto kind = sniff(bytes);
    require(!name_of(kind).empty() && !mime_type(kind).empty(), "each kind has a name");
    if (const auto label = check_label(bytes, kind, "f"); !label) require_plain(label.error(), "a label's refusal");
    for (const auto each : {Kind::png, Kind::jpeg, Kind::gif, Kind::bmp, Kind::webp}) {
        const auto header = read_image_header(each, bytes, most_pixels, "f");
        if (header)
            require(header->pixels() > 0 && header->pixels() <= most_pixels, "an image has a size within the limit");
        else
            require_plain(header.error(), "an image's refusal");
    }
    const auto wav = read_wav_header(bytes, "f");
    if (wav)
        require(wav->seconds > 0 && wav->data <= bytes.size() && wav->channels > 0, "a WAV has some sound");
    else
        require_plain(wav.error(), "a WAV's refusal");
}

void check_texts(std::string_view text) {
    using namespace media;
    const auto data = decode_data_uri(text, KiB(1), "f");
    if (data)
        require(data->bytes.size() <= 1024, "a data URI is within the limit");
    else
        require_plain(data.error(), "a data URI's refusal");
    if (const auto plain = protocols::decode_base64(text))
        require(protocols::decode_base64(protocols::encode_base64(*plain)).value_or("") == *plain, "base64 comes back");
    const AllowList nothing({});
    if (const auto url = guard_url(text, nothing)) {
        require(!url->origin.host.empty() && !url->origin.host.ends_with('.'), "a host has a name");
        require(!url->origin.host.contains(':') || IpAddress::parse(url->origin.host), "a colon is an address's");
    } else {
        require_plain(url.error(), "a URL's refusal");
    }
    if (const auto range = IpRange::parse(text)) require(range->holds(range->first), "a range holds its first address");
    if (const auto address = IpAddress::parse(text))
        require(IpAddress::parse(to_string(*address)) == address, "an address comes back");
    if (const auto probe = parse_probe(text)) require(probe->seconds >= 0, "a length is no debt");
    require_utf8(complaint(text, "/tmp/x"), "a complaint");
    require(parse_length(text) >= 0, "a length is no debt");
}

}  // namespace

void media(Input input) {
    check_files(input.rest());
    check_texts(input.rest());
}

}  // namespace sarai::fuzz
