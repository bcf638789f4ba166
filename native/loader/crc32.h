// CRC-32 as zip files and shards have it: the reflected polynomial 0xEDB88320, eight bytes a round.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace alexnode::loader {

uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace alexnode::loader
