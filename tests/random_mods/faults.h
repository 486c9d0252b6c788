// Faults planted in emitted CUDA, to prove that random mods notice them: each replaces one function of templates/hooks_math.cuh by a
// wrong one, where the word `flexc_planted_fault` of the compiled unit says so.
#pragma once

#include <string>

namespace random_mods {

/// Faults are numbered 1 to kFaultCount - 1; 0 is none.
extern const int kFaultCount;
const char* fault_name(int fault);
/// What stands in a mod's text that the fault can reach.
std::string fault_call(int fault);

/// Redirects the calls in a unit's text (HostMods::compile) to functions that have all faults, asleep.
void plant_faults(std::string& text);

}  // namespace random_mods
