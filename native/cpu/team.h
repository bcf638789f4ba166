#pragma once

namespace alexnode::cpu {

/// Makes the threads of OpenMP's team for the calling thread. Throws where the system does not give them.
void make_team(int threads);

}  // namespace alexnode::cpu
