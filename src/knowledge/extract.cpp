#include "knowledge/extract.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/utf8.hpp"
#include "knowledge/encoding.hpp"
#include "knowledge/html.hpp"

namespace sarai::knowledge {

namespace {

constexpr std::string_view pdf_magic = "%PDF-";

constexpr std::array<std::string_view, 6> markdown_endings{".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd"};
constexpr std::array<std::string_view, 4> html_endings{".html", ".htm", ".xhtml", ".shtml"};
constexpr std::array<std::string_view, 66> source_endings{
    ".c",      ".h",    ".cc",  ".cpp",   ".cxx",   ".hh",   ".hpp",   ".hxx",  ".inl", ".ipp",  ".m",
    ".mm",     ".cu",   ".py",  ".pyi",   ".rb",    ".pl",   ".pm",    ".lua",  ".js",  ".mjs",  ".cjs",
    ".jsx",    ".ts",   ".tsx", ".vue",   ".css",   ".scss", ".less",  ".java", ".kt",  ".kts",  ".scala",
    ".groovy", ".cs",   ".fs",  ".vb",    ".go",    ".rs",   ".swift", ".zig",  ".d",   ".nim",  ".hs",
    ".ml",     ".mli",  ".ex",  ".exs",   ".erl",   ".clj",  ".lisp",  ".el",   ".r",   ".jl",   ".php",
    ".sh",     ".bash", ".sql", ".proto", ".cmake", ".yaml", ".yml",   ".toml", ".ini", ".json", ".xml"};
constexpr std::array<std::string_view, 60> other_endings{
    ".png",  ".jpg",         ".jpeg",  ".gif", ".webp", ".bmp",  ".tif",    ".tiff", ".ico",  ".heic",
    ".avif", ".psd",         ".mp3",   ".wav", ".ogg",  ".opus", ".flac",   ".m4a",  ".mp4",  ".mkv",
    ".mov",  ".avi",         ".webm",  ".zip", ".gz",   ".bz2",  ".xz",     ".zst",  ".7z",   ".rar",
    ".tar",  ".tgz",         ".jar",   ".war", ".deb",  ".rpm",  ".apk",    ".iso",  ".img",  ".exe",
    ".dll",  ".so",          ".dylib", ".a",   ".o",    ".obj",  ".class",  ".pyc",  ".wasm", ".bin",
    ".gguf", ".safetensors", ".onnx",  ".pt",  ".npy",  ".npz",  ".sqlite", ".db",   ".woff", ".woff2"};

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

}  // namespace

std::optional<Format> format_of(const std::filesystem::path& path) {
    const auto ending = lower(path.extension().string());
    const auto in = [&](const auto& list) { return std::ranges::find(list, ending) != list.end(); };
    if (ending == ".pdf") return Format::pdf;
    if (in(markdown_endings)) return Format::markdown;
    if (in(html_endings)) return Format::html;
    if (in(source_endings)) return Format::source;
    if (in(other_endings)) return std::nullopt;
    const auto name = path.filename().string();
    if (name == "Makefile" || name == "Dockerfile" || name == "CMakeLists.txt") return Format::source;
    return Format::text;
}

Result<Document> extract_text(Format format, std::string_view bytes, const ExtractLimits& limits) {
    // An encoding may take three bytes of ours for one of its own: twice the limit would be 48 MiB at most.
    if (std::cmp_greater(bytes.size(), limits.text.count))
        return fail(Code::too_large,
                    fmt::format("{} of text: at most {} are read",
                                to_string(Bytes{static_cast<std::int64_t>(bytes.size())}), to_string(limits.text)));
    auto text = to_utf8(bytes);
    if (!text) return std::unexpected(text.error());
    if (format == Format::html) return read_html(*text);
    Document document{.format = format, .text = std::move(*text), .marks = {}};
    document.marks = mark_lines(document.text);
    return document;
}

Result<Document> read_pages(std::string_view printed) {
    Document document{.format = Format::pdf, .text = {}, .marks = {}};
    auto& text = document.text;
    std::uint32_t page = 0;
    while (!printed.empty()) {
        const auto end = std::min(printed.find('\f'), printed.size());
        const auto words = printed.substr(0, end);
        printed.remove_prefix(std::min(end + 1, printed.size()));
        ++page;
        if (words.find_first_not_of(" \n\r\t") == std::string_view::npos) continue;
        document.marks.push_back({static_cast<std::uint32_t>(text.size()), page});
        for (const char c : valid_utf8(words)) {
            if (c != '\0' && c != '\r') text += c;
        }
        // A sentence may go on on the next page: no paragraph ends here unless the page itself ends with a blank line.
        if (!text.ends_with('\n')) text += '\n';
    }
    return document;
}

Result<Document> extract_pdf(std::string_view bytes, const ExtractLimits& limits) {
    auto bounds = limits.pdf;
    bounds.output = limits.text;
    const auto printed =
        run_bounded({"pdftotext", "-q", "-enc", "UTF-8", "/dev/stdin", "-"}, bytes, bounds, "reading a PDF");
    if (!printed) return std::unexpected(printed.error());
    auto document = read_pages(*printed);
    if (document && document->text.empty())
        return fail(Code::unsupported, "the PDF holds no text",
                    "Scanned pages are pictures; their words have to be recognised first.");
    return document;
}

Result<Document> extract(Format format, std::string_view bytes, const ExtractLimits& limits) {
    // ISO 32000-1, Annex H: readers look for the header in the first 1024 bytes.
    const bool is_pdf =
        bytes.starts_with(pdf_magic) || (format == Format::pdf && bytes.substr(0, 1024).contains(pdf_magic));
    if (is_pdf) return extract_pdf(bytes, limits);
    if (format == Format::pdf) return fail(Code::corrupt_file, "this is no PDF: it does not begin with %PDF-");
    return extract_text(format, bytes, limits);
}

}  // namespace sarai::knowledge
