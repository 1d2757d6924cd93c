// Closed admission: nothing new is loaded, and everything that is there goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_support.hpp"

namespace sarai::pool::admission_test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Lines;

enum : ModelIndex { chat, code, hybrid };

class Admission : public ::testing::Test {
protected:
    Lines operator()(Actions actions) {
        last = std::move(actions);
        return testing::lines_of(core, last);
    }
    Lines close() { return (*this)(core.set_admission(false, "the machine has 100 MiB")); }
    Lines open() { return (*this)(core.set_admission(true, {})); }
    Lines acquire(Ticket ticket, ModelIndex model) { return (*this)(core.acquire(now, ticket, model)); }
    void load(ModelIndex model, Bytes bytes) {
        (void)core.preload(model);
        (void)core.measured(model, Needs{.total = bytes});
        (void)core.worker_ready(model);
        ASSERT_EQ(core.local(model).state, LocalState::ready);
    }

    Clock::time_point now{1h};
    PoolCore core{{.budget = GiB(10)},
                  {{.name = "chat", .has_local = true},
                   {.name = "code", .has_local = true},
                   {.name = "hybrid", .endpoints = {0}, .has_local = true}},
                  {{.name = "east:1"}}};
    Actions last;
};

}  // namespace

TEST_F(Admission, ClosedRefusesALoadAndSaysWhy) {
    EXPECT_EQ(close(), Lines{});
    EXPECT_THAT(acquire(1, chat), ElementsAre("refuse 1: no_memory"));
    EXPECT_THAT(std::get<Refuse>(last[0]).error.message,
                HasSubstr("model 'chat' cannot be loaded now: the machine has 100 MiB"));
    EXPECT_EQ(core.local(chat).state, LocalState::absent);
    EXPECT_EQ(core.local(chat).last_error->code, Code::no_memory);
    EXPECT_EQ(core.tickets(), 0U);
    EXPECT_EQ((*this)(core.preload(chat)), Lines{});
}

TEST_F(Admission, ClosedLetsWhatIsReadyAnswer) {
    load(chat, GiB(2));
    close();
    EXPECT_THAT(acquire(1, chat), ElementsAre("grant 1: chat local"));
    EXPECT_THAT(acquire(2, hybrid), ElementsAre("grant 2: hybrid east:1"));
}

TEST_F(Admission, ClosedLetsALoadInFlightEndAndItsTicketsBeAnswered) {
    acquire(1, chat);
    ASSERT_THAT((*this)(core.measured(chat, Needs{.total = GiB(2)})), ElementsAre("spawn chat"));
    close();
    EXPECT_EQ(acquire(2, chat), Lines{});
    EXPECT_THAT((*this)(core.worker_ready(chat)), ElementsAre("grant 1: chat local", "grant 2: chat local"));
}

TEST_F(Admission, ClosedStopsALoadThatIsOnlyMeasuredYet) {
    acquire(1, chat);
    close();
    EXPECT_THAT((*this)(core.measured(chat, Needs{.total = GiB(2)})), ElementsAre("refuse 1: no_memory"));
    EXPECT_EQ(core.reserved(), Bytes{});
}

TEST_F(Admission, ClosedRefusesThoseThatWaitForMemory) {
    load(chat, GiB(8));
    (void)core.stop(chat);
    acquire(1, code);
    ASSERT_EQ((*this)(core.measured(code, Needs{.total = GiB(5)})), Lines{});
    EXPECT_THAT(close(), ElementsAre("refuse 1: no_memory"));
    EXPECT_EQ((*this)(core.worker_gone(chat, {})), Lines{});
    EXPECT_EQ(core.local(code).state, LocalState::absent);
}

TEST_F(Admission, ClosedRefusesToStartADeadWorkerAgain) {
    load(chat, GiB(2));
    acquire(1, chat);
    close();
    (void)core.worker_gone(chat, {.code = Code::unavailable, .message = "killed"});
    EXPECT_THAT((*this)(core.attempt_failed(now, 1, {.code = Code::unavailable, .message = "broken pipe"})),
                ElementsAre("refuse 1: no_memory"));
}

TEST_F(Admission, OpenedLoadsAgain) {
    close();
    acquire(1, chat);
    EXPECT_EQ(open(), Lines{});
    EXPECT_THAT(acquire(2, chat), ElementsAre("measure chat"));
    EXPECT_THAT((*this)(core.measured(chat, Needs{.total = GiB(2)})), ElementsAre("spawn chat"));
}

}  // namespace sarai::pool::admission_test
