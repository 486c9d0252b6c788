// Stands before templates/hopper/primitives.cuh in the include path of a kernel that is compiled for the host model.
#pragma once
#include "templates/model/primitives.h"
