// A child for one probe.
#pragma once

namespace strake::addon {

/// Runs `body(argument)` in a child with clone(2)'s `flags`, which shares our memory and, with `CLONE_FILES`,
/// our descriptors, while this thread waits (the others go on). `body` makes raw system calls only and
/// returns 0 or an errno, which is the result; so is clone's own failure.
int inChild(int flags, int (*body)(void*), void* argument);

}  // namespace strake::addon
