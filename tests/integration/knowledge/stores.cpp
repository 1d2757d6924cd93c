#include "stores.hpp"

#include <chrono>
#include <thread>

#include "knowledge/pg_connection.hpp"
#include "postgres_server.hpp"

namespace sarai::knowledge {

namespace {

// Made by the first test that wants it, ended after the last.
class Server final : public testing::Environment {
public:
    void TearDown() override { server_.reset(); }
    test::PostgresServer& get() {
        if (!server_) server_ = std::make_unique<test::PostgresServer>();
        return *server_;
    }

private:
    std::unique_ptr<test::PostgresServer> server_;
};
Server* const server = static_cast<Server*>(testing::AddGlobalTestEnvironment(new Server));

}  // namespace

std::string Postgres::new_place(const std::filesystem::path&) { return server->get().new_database(); }

void Postgres::settle(const std::string& place) {
    auto connection = PgConnection::open(place, "");
    ASSERT_TRUE(connection) << describe(connection.error());
    for (int tries = 0; tries < 1000; ++tries) {
        const auto others = connection->query(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
            "backend_type = 'client backend'");  // autovacuum is at work after so many changes
        ASSERT_TRUE(others) << describe(others.error());
        if (others->integer(0, 0) == 0) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const auto left = connection->query(
        "SELECT concat_ws(' ', state, wait_event_type, wait_event, left(query, 100)) FROM pg_stat_activity WHERE "
        "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
    FAIL() << "a connection of a dead client stays: " << (left ? left->text(0, 0) : describe(left.error()));
}

}  // namespace sarai::knowledge
