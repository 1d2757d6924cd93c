#include "knowledge/extract.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>
#include <thread>

#include "knowledge/encoding.hpp"
#include "knowledge/html.hpp"

namespace sarai::knowledge::extract_test {
namespace {

using namespace std::literals;

// A PDF with one line of text a page, as small as readers take it (they mend the missing table of objects).
std::string pdf(const std::vector<std::string>& pages) {
    std::string objects, kids;
    int number = 3;
    for (const auto& page : pages) {
        const auto content = fmt::format("BT /F 24 Tf 72 700 Td ({}) Tj ET", page);
        objects += fmt::format(
            "{0} 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {1} 0 "
            "R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>> endobj\n"
            "{1} 0 obj <</Length {2}>> stream\n{3}\nendstream endobj\n",
            number, number + 1, content.size(), content);
        kids += fmt::format("{} 0 R ", number);
        number += 2;
    }
    return fmt::format(
        "%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[{}]/Count {}>> "
        "endobj\n{}trailer <</Root 1 0 R>>\n%%EOF\n",
        kids, pages.size(), objects);
}

TEST(Encoding, IsFoundOut) {
    EXPECT_EQ(to_utf8("¿qué?\r\nsí\rno"), "¿qué?\nsí\nno");
    EXPECT_EQ(to_utf8("\xef\xbb\xbf"
                      "a"),
              "a");
    EXPECT_EQ(to_utf8("ma\xf1"
                      "ana \x80 \x93x\x94"),
              "mañana € “x”");
    EXPECT_EQ(to_utf8("\xff\xfe"
                      "a\0\xf1\0=\xd8\x42\xde"sv),
              "añ🙂");
    EXPECT_EQ(to_utf8("\xfe\xff\0a\0\xf1"sv), "añ");
    EXPECT_EQ(to_utf8("w\0i\0n\0d\0o\0w\0s\0"sv), "windows");
    EXPECT_EQ(to_utf8("\0m\0a\0c"sv), "mac");
    EXPECT_EQ(to_utf8("\xff\xfe\x3d\xd8x"sv), "\xef\xbf\xbd");
    EXPECT_EQ(to_utf8(""), "");
}

TEST(Encoding, WhatIsNoTextIsRefused) {
    for (const auto bytes : {"\x7f"
                             "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0>\0"sv,
                             "a\0b\0\0\0c"sv, "\1\2\3\4\5abc"sv}) {
        const auto text = to_utf8(bytes);
        ASSERT_FALSE(text);
        EXPECT_EQ(text.error().code, Code::unsupported);
        EXPECT_TRUE(looks_binary(bytes));
    }
    EXPECT_FALSE(looks_binary(std::string(8191, 'x') + "ñ")) << "a character that is cut is no fault";
}

TEST(Html, BecomesMarkdown) {
    const auto document = read_html(
        "<!DOCTYPE html><html><head><title>A &amp; B</title>\n<script>var x = "
        "'<p>no</p>';</script><style>p{}</style></head>\n"
        "<body><h1>Head\n line</h1><p>One <b>bold</b>\n text.<p>Two<br>lines<ul><li>x<li>y</ul>\n"
        "<pre>a\n  b</pre><table><tr><td>1<td>2</table><template>no</template></body>");
    ASSERT_TRUE(document);
    EXPECT_EQ(document->title, "A & B");
    EXPECT_EQ(document->text, "# Head line\n\nOne bold text.\n\nTwo\nlines\n\n- x\n- y\n\n```\na\n  b\n```\n\n1 | 2");
    const auto line = [&](std::string_view word) { return document->number_at(document->text.find(word)); };
    EXPECT_EQ(line("Head"), 3);
    EXPECT_EQ(line("line"), 4);
    EXPECT_EQ(line("bold"), 4);
    EXPECT_EQ(line("text"), 5);
    EXPECT_EQ(line("a\n"), 6);
    EXPECT_EQ(line("  b"), 7);
    EXPECT_EQ(line("1 | 2"), 7);
}

TEST(Html, DepthAndBrokenTagsCostNothing) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "<div><b>";
    const auto document = read_html(deep + "word <a <b </ &#xD800; &nosuch; <");
    ASSERT_TRUE(document);
    EXPECT_TRUE(document->text.starts_with("word")) << document->text;
}

TEST(Extract, KnowsFormatsByTheirNames) {
    EXPECT_EQ(format_of("a/README.MD"), Format::markdown);
    EXPECT_EQ(format_of("x.cpp"), Format::source);
    EXPECT_EQ(format_of("x.htm"), Format::html);
    EXPECT_EQ(format_of("notes"), Format::text);
    EXPECT_EQ(format_of("photo.jpeg"), std::nullopt);
}

TEST(Extract, ATextThatIsTooLargeIsRefused) {
    const auto text = extract_text(Format::text, std::string(2000, 'x'), {.text = KiB(1)});
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Code::too_large);
}

TEST(Extract, APdfHasPages) {
    const auto document = extract(Format::text, pdf({"The first page", "The second page"}));
    ASSERT_TRUE(document) << describe(document.error());
    EXPECT_EQ(document->format, Format::pdf);
    EXPECT_EQ(document->number_at(document->text.find("first")), 1);
    EXPECT_EQ(document->number_at(document->text.find("second")), 2);
}

TEST(Extract, AHostilePdfOnlyHurtsItsReader) {
    for (const auto& bytes :
         {std::string("%PDF-1.7\n") + std::string(100'000, '<'), std::string("%PDF-"), pdf({"x"}).substr(0, 60),
          "%PDF-1.4\n" + std::string(50'000, '[') + "trailer <</Root 1 0 R>>"}) {
        const auto document = extract(Format::pdf, bytes, {.pdf = {.time = std::chrono::seconds(20)}});
        ASSERT_FALSE(document);
        EXPECT_TRUE(document.error().code == Code::corrupt_file || document.error().code == Code::unsupported)
            << describe(document.error());
    }
    const auto none = extract(Format::pdf, "hello");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Code::corrupt_file);
}

TEST(BoundedChild, KeepsWithinItsBounds) {
    const auto run = [](std::vector<std::string> command, const ChildBounds& bounds = {}) {
        return run_bounded(command, "input\n", bounds, "a test");
    };
    EXPECT_EQ(run({"cat"}), "input\n");
    EXPECT_EQ(run({"/no/such"}).error().code, Code::unavailable);
    EXPECT_EQ(run({"yes"}, {.output = KiB(100)}).error().code, Code::too_large);
    EXPECT_EQ(run({"sleep", "60"}, {.time = std::chrono::seconds(1)}).error().code, Code::timeout);
    EXPECT_EQ(run({"sh", "-c", "exec 1>&- 2>&-; exec sleep 60"}, {.time = std::chrono::seconds(1)}).error().code,
              Code::timeout);
    EXPECT_EQ(run({"tail", "/dev/zero"}, {.memory = MiB(64)}).error().code, Code::corrupt_file)
        << "it wants all memory there is";
    EXPECT_EQ(run({"tail", "/dev/zero"}, {.data = MiB(64)}).error().code, Code::corrupt_file);
    std::stop_source stop;
    const std::jthread client([&stop] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        stop.request_stop();
    });
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(run({"sleep", "60"}, {.stop = stop.get_token()}).error().code, Code::cancelled);
    EXPECT_EQ(run({"sh", "-c", "exec 1>&- 2>&-; exec sleep 60"}, {.stop = stop.get_token()}).error().code,
              Code::cancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20)) << "it was waited for";
    const auto failed = run({"sh", "-c", "echo no good >&2; exit 3"});
    EXPECT_EQ(failed.error().message, "a test failed: sh exited with status 3: no good");
    EXPECT_FALSE(run({"sh", "-c", "echo x >/tmp/sarai-no-file.$$"})) << "it writes no files";
}

}  // namespace
}  // namespace sarai::knowledge::extract_test
