// The tables of a store in PostgreSQL: making them, and finding them without changing anything.
#pragma once

#include "knowledge/pg_connection.hpp"

namespace sarai::knowledge {

// Makes what is missing: extensions, the schema sarai_knowledge, its tables. Errors: unsupported (they cannot be made
// there; made by a newer sarai), those of query().
[[nodiscard]] Result<void> make_schema(PgConnection& connection);

// Errors: not_found (there is none, and all that it needs is there), unsupported (it could not be made; made by a newer
// sarai), those of query().
[[nodiscard]] Result<void> find_schema(PgConnection& connection);

}  // namespace sarai::knowledge
