#pragma once

namespace alexnode {

// Removes the environment variable that loading the addon set: see spinning.cc.
void stop_choosing_spins();

}  // namespace alexnode
