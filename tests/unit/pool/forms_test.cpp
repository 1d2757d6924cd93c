// Media on demand: a worker for text alone is replaced by one with its projector.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_support.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool::forms_test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Lines;
using ::testing::Not;

enum : ModelIndex { omni, other };

struct Story {
    PoolCore core;
    Clock::time_point now = Clock::time_point{} + 1h;

    explicit Story(std::chrono::milliseconds ttl = 0ms, Policy policy = Policy::never_unload)
        : core({.budget = GiB(10), .policy = policy},
               {{.name = "omni", .has_local = true, .slots = 1, .media_on_demand = true, .media_ttl = ttl},
                {.name = "other", .has_local = true}},
               {}) {}

    Lines operator()(const Actions& actions) { return testing::lines_of(core, actions); }
    Lines text(Ticket ticket) { return (*this)(core.acquire(now, ticket, omni)); }
    Lines media(Ticket ticket) { return (*this)(core.acquire(now, ticket, omni, {.media = true})); }
    Lines measured(Bytes total, ModelIndex model = omni) {
        return (*this)(core.measured(model, Needs{.total = total}));
    }
    Lines form(Bytes total) { return (*this)(core.measured_form(omni, Needs{.total = total})); }
    Lines ready(ModelIndex model = omni) { return (*this)(core.worker_ready(model)); }
    Lines reaped() { return (*this)(core.worker_gone(omni, {.code = Code::unavailable, .message = "ended"})); }
    Lines release(Ticket ticket) { return (*this)(core.release(now, ticket)); }
    [[nodiscard]] bool blind() const { return core.local(omni).reduction.text_only; }
    // With a worker for text alone.
    void load_text() {
        (void)core.preload(omni);
        measured(GiB(4));
        ready();
    }
};

}  // namespace

TEST(Forms, TextLoadsNoProjectorAndMediaDo) {
    Story story;
    EXPECT_THAT(story.text(1), ElementsAre("measure omni"));
    EXPECT_TRUE(story.blind());
    Story seeing;
    EXPECT_THAT(seeing.media(1), ElementsAre("measure omni"));
    EXPECT_FALSE(seeing.blind());
    EXPECT_THAT(seeing.measured(GiB(6)), ElementsAre("spawn omni"));
    EXPECT_THAT(seeing.ready(), ElementsAre("grant 1: omni local"));
    EXPECT_THAT(seeing.release(1), IsEmpty());
    EXPECT_THAT(seeing.text(2), ElementsAre("grant 2: omni local")) << "who sees can read as well";
}

TEST(Forms, TheWorkerIsReplacedOnceItsRequestsHaveEnded) {
    Story story;
    story.load_text();
    EXPECT_THAT(story.text(1), ElementsAre("grant 1: omni local"));
    EXPECT_THAT(story.media(2), ElementsAre("measure omni with media"));
    EXPECT_THAT(story.media(3), IsEmpty()) << "measured once";
    EXPECT_THAT(story.form(GiB(6)), IsEmpty()) << "somebody is being answered";
    EXPECT_THAT(story.text(4), IsEmpty()) << "who comes now is answered by the new one, so that media do not starve";
    EXPECT_THAT(story.release(1), ElementsAre("stop omni"));
    EXPECT_THAT(story.reaped(), ElementsAre("measure omni"));
    EXPECT_FALSE(story.blind());
    EXPECT_THAT(story.measured(GiB(6)), ElementsAre("spawn omni"));
    EXPECT_THAT(story.ready(), ElementsAre("grant 2: omni local"));
    EXPECT_THAT(story.release(2), ElementsAre("grant 3: omni local"));
    EXPECT_THAT(story.release(3), ElementsAre("grant 4: omni local"));
}

TEST(Forms, WhoBringsMediaAndLeavesChangesNothing) {
    Story story;
    story.load_text();
    EXPECT_THAT(story.text(1), ElementsAre("grant 1: omni local"));
    story.media(2);
    story.form(GiB(6));
    EXPECT_THAT(story.text(3), IsEmpty());
    EXPECT_THAT(story.release(2), IsEmpty());
    EXPECT_THAT(story.release(1), ElementsAre("grant 3: omni local"));
    EXPECT_TRUE(story.blind());
}

TEST(Forms, AProjectorThatDoesNotFitIsRefusedAndTextGoesOn) {
    Story story;
    story.load_text();
    (void)story.core.preload(other);
    story.measured(GiB(5), other);
    story.ready(other);
    story.media(1);
    EXPECT_THAT(story.form(GiB(6)), ElementsAre("refuse 1: no_memory"));
    EXPECT_THAT(story.core.decisions().back().outcome,
                HasSubstr("its projector does not fit: model 'omni' does not fit: it needs 6.00 GiB"));
    EXPECT_THAT(story.core.decisions().back().outcome, Not(HasSubstr("omni 4.00 GiB")))
        << "unloading its own form for text would change nothing";
    EXPECT_THAT(story.text(2), ElementsAre("grant 2: omni local"));
    EXPECT_THAT(story.media(3), ElementsAre("refuse 3: no_memory")) << "it is known by now";
}

TEST(Forms, AProjectorThatDoesNotFitTakesNoTextAwayThoughNoWorkerWasThere) {
    Story story;
    (void)story.core.preload(other);
    story.measured(GiB(5), other);
    story.ready(other);
    EXPECT_THAT(story.media(1), ElementsAre("measure omni"));
    EXPECT_THAT(story.text(2), IsEmpty()) << "it is to be answered by the same";
    EXPECT_THAT(story.measured(GiB(6)), ElementsAre("refuse 1: no_memory", "measure omni"));
    EXPECT_TRUE(story.blind());
    EXPECT_THAT(story.measured(GiB(4)), ElementsAre("spawn omni"));
    EXPECT_THAT(story.ready(), ElementsAre("grant 2: omni local"));
    story.release(2);
    (void)story.core.stop(omni);
    story.reaped();
    story.media(3);
    EXPECT_THAT(story.measured(GiB(6)), ElementsAre("refuse 3: no_memory"));
    EXPECT_THAT(story.text(4), ElementsAre("measure omni"));
    EXPECT_THAT(story.measured(GiB(4)), ElementsAre("spawn omni"));
}

TEST(Forms, AProjectorThatIsBrokenIsQuarantinedAloneAndTextGoesOn) {
    Story story;
    for (Ticket ticket = 1; ticket <= 3; ++ticket) {
        EXPECT_THAT(story.media(ticket), ElementsAre("measure omni"));
        story.measured(GiB(6));
        EXPECT_THAT(story.reaped(), ElementsAre(fmt::format("refuse {}: unavailable", ticket)));
    }
    EXPECT_THAT(story.media(4), ElementsAre("refuse 4: unavailable")) << "no load is tried";
    EXPECT_FALSE(story.core.local(omni).quarantined);
    EXPECT_TRUE(story.core.local(omni).media_quarantined);
    story.load_text();
    EXPECT_THAT(story.text(5), ElementsAre("grant 5: omni local"));
    EXPECT_THAT(story.media(6), ElementsAre("refuse 6: unavailable")) << "the worker for text stays";
    story.release(5);
    (void)story.core.lift_quarantine(omni);
    EXPECT_THAT(story.media(7), ElementsAre("measure omni with media"));
}

TEST(Forms, AProjectorThatCannotBeMeasuredIsRefusedWithItsOwnWords) {
    Story story;
    story.load_text();
    story.media(1);
    const auto actions = story.core.measured_form(omni, fail(Code::corrupt_file, "bad projector"));
    EXPECT_THAT(story(actions), ElementsAre("refuse 1: corrupt_file"));
    EXPECT_THAT(story.text(2), ElementsAre("grant 2: omni local"));
}

TEST(Forms, WithoutATtlItStaysAndWithOneItGoesBackAtOnce) {
    for (const auto ttl : {0ms, 60'000ms}) {
        Story story(ttl);
        story.media(1);
        story.measured(GiB(6));
        story.ready();
        story.release(1);
        story.text(2);
        story.release(2);
        story.now += 59s;
        EXPECT_THAT(story(story.core.tick(story.now)), IsEmpty());
        story.now += 2s;
        if (ttl.count() == 0) {
            EXPECT_THAT(story(story.core.tick(story.now)), IsEmpty());
            continue;
        }
        EXPECT_THAT(story(story.core.tick(story.now)), ElementsAre("stop omni"));
        EXPECT_THAT(story.core.decisions().back().outcome,
                    HasSubstr("without its projector, after 61 s without media"));
        EXPECT_THAT(story.reaped(), ElementsAre("measure omni"));
        EXPECT_TRUE(story.blind());
        EXPECT_THAT(story.measured(GiB(4)), ElementsAre("spawn omni"));
    }
}

TEST(Forms, AHintMayAskForIt) {
    Story story;
    EXPECT_TRUE(story.core.prefetch(story.now, omni, true).begun);
    EXPECT_FALSE(story.blind());
}

}  // namespace sarai::pool::forms_test
