// What the describing child says of true files, and of such as nobody should have made.
#include <gmock/gmock.h>

#include <bit>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "memory/model_facts.hpp"
#include "real_engine.hpp"
#include "support/recorded_exchange.hpp"

namespace sarai::memory::describe_test {
namespace {

namespace json = boost::json;
using test::Folder;
using test::tiny_models;
using testing::HasSubstr;

test::Ran ask(const std::filesystem::path& file) {
    std::vector<std::string> command = {SARAI_BIN_DIR "/sarai-measure"};
    for (auto& argument : describe_arguments(file)) command.push_back(std::move(argument));
    return test::run(command);
}

Result<ModelFacts> facts_of(const std::filesystem::path& file) {
    const auto ran = ask(file);
    return parse_description(file, ran.status, ran.out, ran.err);
}

// A GGUF without tensors, written key by key.
class Gguf {
public:
    Gguf& text(std::string_view key, std::string_view value) {
        begin(key, 8);
        put(value);
        return *this;
    }
    Gguf& number(std::string_view key, float value) {
        begin(key, 6);
        put(std::bit_cast<std::uint32_t>(value));
        return *this;
    }
    Gguf& numbers(std::string_view key, std::uint64_t count) {
        begin(key, 9);
        put(std::uint32_t{4});
        put(count);
        for (std::uint64_t i = 0; i < count; ++i) put(static_cast<std::uint32_t>(i));
        return *this;
    }
    std::filesystem::path write(const Folder& folder) const {
        Gguf head;
        head.bytes_ = "GGUF";
        head.put(std::uint32_t{3});
        head.put(std::uint64_t{0});
        head.put(keys_);
        const auto path = folder / "made.gguf";
        std::ofstream(path, std::ios::binary) << head.bytes_ << bytes_;
        return path;
    }

private:
    void begin(std::string_view key, std::uint32_t type) {
        ++keys_;
        put(key);
        put(type);
    }
    void put(std::string_view text) {
        put(std::uint64_t{text.size()});
        bytes_ += text;
    }
    template <std::unsigned_integral Number>
    void put(Number number) {
        for (std::size_t i = 0; i < sizeof number; ++i) bytes_ += static_cast<char>(number >> (8 * i) & 0xffU);
    }

    std::string bytes_;
    std::uint64_t keys_ = 0;
};

TEST(Describe, SaysOfAModelWhatOllamaSaysOfOneLikeIt) {
    const auto facts = facts_of(tiny_models() / "solar.gguf");
    ASSERT_TRUE(facts) << describe(facts.error());
    EXPECT_EQ(facts->architecture, "llama");
    EXPECT_EQ(facts->quantisation, "Q8_0");
    EXPECT_EQ(facts->context_length, 4096);
    EXPECT_EQ(facts->embedding_length, 64);
    EXPECT_FALSE(facts->is_projector);
    EXPECT_EQ(facts->left_out, 0);
    EXPECT_EQ(kind_of(*facts), FileKind::chat);
    EXPECT_FALSE(facts->chat_template.empty());
    // It was recorded with another tiny model of the same architecture: names and types are the same.
    const auto show = json::parse(test::read_exchange(SARAI_TEST_DATA "/ollama-wire/10-show.http").body).as_object();
    for (const auto& [key, theirs] : show.at("model_info").as_object()) {
        ASSERT_TRUE(facts->metadata.contains(key)) << key;
        const auto& ours = facts->metadata.at(key);
        EXPECT_EQ(ours.is_object(), theirs.is_null()) << key << ": a long array";
        EXPECT_EQ(ours.is_string(), theirs.is_string()) << key;
        EXPECT_EQ(ours.is_bool(), theirs.is_bool()) << key;
        EXPECT_EQ(ours.is_int64() || ours.is_uint64(), theirs.is_int64()) << key;
    }
    const auto known = [&](const json::value& tensor) {
        return std::ranges::contains(facts->tensors, std::string(tensor.at("name").as_string()), &TensorFacts::name);
    };
    for (const auto& tensor : show.at("tensors").as_array()) EXPECT_TRUE(known(tensor)) << tensor;
    std::int64_t values = 0;
    for (const auto& tensor : facts->tensors) {
        std::int64_t product = 1;
        for (const auto side : tensor.shape) product *= side;
        values += product;
    }
    EXPECT_EQ(facts->parameter_count, values);
}

TEST(Describe, TellsEmbeddersAndProjectorsFromModelsThatChat) {
    const auto kind = [](const char* name) { return kind_of(facts_of(tiny_models() / name).value()); };
    EXPECT_EQ(kind("lfm2.gguf"), FileKind::chat);
    EXPECT_EQ(kind("omni.gguf"), FileKind::chat);
    EXPECT_EQ(kind("embed.gguf"), FileKind::embedding);
    EXPECT_EQ(kind("rerank.gguf"), FileKind::rerank);
    EXPECT_EQ(kind("omni-mmproj.gguf"), FileKind::projector);
    EXPECT_EQ(facts_of(tiny_models() / "embed.gguf")->pooling_type, 1);
    const auto projector = facts_of(tiny_models() / "omni-mmproj.gguf");
    EXPECT_TRUE(projector->sees);
    EXPECT_TRUE(projector->hears);
}

TEST(Describe, KnowsTheFilesOfWhisperCpp) {
    const auto facts = facts_of(tiny_models() / "whisper.bin");
    ASSERT_TRUE(facts) << describe(facts.error());
    EXPECT_EQ(facts->architecture, "whisper");
    EXPECT_EQ(kind_of(*facts), FileKind::transcription);
    EXPECT_EQ(facts->quantisation, "Q8_0");
    EXPECT_EQ(facts->context_length, 448);
    EXPECT_EQ(facts->metadata.at("whisper.n_vocab"), 51865);
    EXPECT_EQ(facts->tensors.size(), 11U + 15 * 4 + 24 * 4);
    EXPECT_EQ(facts->left_out, 0);
}

TEST(Describe, WritesNumbersAsTheyAreSpelt) {
    const Folder folder;
    const auto facts = facts_of(Gguf()
                                    .text("general.architecture", "llama")
                                    .number("a.epsilon", 1e-5F)
                                    .number("a.base", 10000)
                                    .number("a.nothing", std::numeric_limits<float>::quiet_NaN())
                                    .numbers("a.heads", 3)
                                    .numbers("a.ids", 257)
                                    .write(folder));
    ASSERT_TRUE(facts) << describe(facts.error());
    EXPECT_EQ(facts->metadata.at("a.epsilon"), json::value(1e-5));
    EXPECT_EQ(facts->metadata.at("a.base"), json::value(10000));
    EXPECT_TRUE(facts->metadata.at("a.nothing").is_null());
    EXPECT_EQ(facts->metadata.at("a.heads"), json::value({0, 1, 2}));
    EXPECT_EQ(facts->metadata.at("a.ids"), json::value({{"elements", 257}}));
    EXPECT_EQ(facts->quantisation, "unknown");
}

TEST(Describe, SaysNothingThatIsNoText) {
    const Folder folder;
    const auto ran = ask(Gguf()
                             .text("general.architecture", "llama")
                             .text("general.author",
                                   "a\x1b[2Jb\nc\xff"
                                   "d")
                             .text("bad\x07key", "x")
                             .text(std::string(300, 'k'), "x")
                             .text("general.huge", std::string(100'000, 'h'))
                             .text("tokenizer.chat_template", "\xc3{{ x }}")
                             .write(folder));
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
    EXPECT_EQ(valid_utf8(ran.out), ran.out);
    EXPECT_EQ(std::ranges::count_if(ran.out, [](unsigned char c) { return c < ' ' || c == 0x7f; }), 1) << "its end";
    const auto facts = parse_description("made.gguf", 0, ran.out, "");
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->metadata.at("general.author"), "a\ufffd[2Jb\nc\ufffdd");
    EXPECT_EQ(facts->chat_template, "\ufffd{{ x }}");
    EXPECT_EQ(facts->metadata.size(), 3U) << json::serialize(facts->metadata);
    EXPECT_EQ(facts->left_out, 3);
}

TEST(Describe, RefusesAnArchitectureThatIsNoName) {
    const Folder folder;
    for (const auto& name : {std::string(), std::string("ll\x01ma"), std::string(1000, 'a')}) {
        const auto facts = facts_of(Gguf().text("general.architecture", name).write(folder));
        ASSERT_FALSE(facts);
        EXPECT_EQ(facts.error().code, Code::corrupt_file);
        EXPECT_THAT(facts.error().message, HasSubstr("names no architecture"));
    }
}

TEST(Describe, PrintsAtMostEightMebibytes) {
    const Folder folder;
    Gguf large;
    large.text("general.architecture", "llama");
    for (int i = 0; i < 300; ++i) large.text("a.key" + std::to_string(i), std::string(60'000, '"'));
    const auto ran = ask(large.write(folder));
    EXPECT_LE(ran.out.size(), std::size_t{8} << 20);
    EXPECT_GT(ran.out.size(), std::size_t{7} << 20);
    const auto facts = parse_description("made.gguf", ran.status, ran.out, ran.err);
    ASSERT_TRUE(facts) << describe(facts.error());
    EXPECT_GT(facts->left_out, 200);
}

TEST(Describe, OfAHostileFileIsFactsOrAnError) {
    const auto good = test::contents(tiny_models() / "solar.gguf");
    const Folder folder;
    std::uint64_t state = 7;
    const auto random = [&] { return (state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 33; };
    int refused = 0;
    for (int round = 0; round < 40; ++round) {
        auto bytes = good;
        for (int i = 0; i < 4; ++i) bytes[4 + random() % 9000] = static_cast<char>(random());
        std::ofstream(folder / "bad.gguf", std::ios::binary) << bytes;
        const auto facts = facts_of(folder / "bad.gguf");
        if (facts) continue;
        ++refused;
        EXPECT_NE(facts.error().code, Code::internal) << describe(facts.error());
    }
    EXPECT_GT(refused, 0);
    std::ofstream(folder / "cut.gguf", std::ios::binary) << good.substr(0, good.size() - 4096);
    EXPECT_THAT(facts_of(folder / "cut.gguf").error().message, HasSubstr("truncated"));
}

}  // namespace
}  // namespace sarai::memory::describe_test
