#pragma once
// Places (places.h) over the writer and the reader of a store.

#include "store/places.h"
#include "store/reader.h"
#include "store/writer.h"

#include <memory>

namespace agentcmd::store {

// Both outlive it.
std::unique_ptr<Places> make_places(Writer& writer, Reader& reader);

}  // namespace agentcmd::store
