#pragma once

namespace alexnode {

// Ends what loading the addon began: see spinning.cc.
void stop_choosing_spins();

}  // namespace alexnode
