// The command's own executable, while a container runs under it.
#pragma once

namespace strake::oci_runtime {

/// Executes this program once more from where nobody can write it, unless it already runs from there: a
/// container that makes its runtime execute /proc/self/exe holds the runtime's own file (CVE-2019-5736).
/// Precondition: nothing is open yet that must stay open. Throws sys::SysError.
void runFromReadOnly(char* const* arguments);

}  // namespace strake::oci_runtime
