#include "layer/adopt.h"
namespace strake::layer {
void adoptDirectories(const std::string&, const std::vector<std::string>&, const std::vector<std::string>&) {}
}  // namespace strake::layer
