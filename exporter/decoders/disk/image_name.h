// Names of images as users know them.
//
// If a file name alone does not show all options of a node, QEMU names the node `json:{...}` in query-block, and in
// traces of nodes on top of it. The same image can therefore appear under either name. The exporter shows the plain
// file name.
#pragma once

#include <string>
#include <string_view>

namespace qte::decoders {

// Returns "/a.img" for `json:{"driver": "raw", "file": {"driver": "file", "filename": "/a.img"}}`. For a temporary file
// that snapshot=on put over an image, it returns that image. Other names, and JSON without a file, are unchanged. The
// result points into `name` or `buffer`.
std::string_view PlainImageName(std::string_view name, std::string& buffer);

// True if both names mean one image: they are equal, or one has a prefix such as a directory or "blkdebug:CONF:".
bool IsSameImage(std::string_view a, std::string_view b);

// True for the temporary file of snapshot=on: vl.XXXXXX in $TMPDIR, by default /var/tmp.
bool IsTemporaryImage(std::string_view file);

}  // namespace qte::decoders
