// Names of images as people know them.
//
// Where a file name alone does not tell all options of a node, QEMU calls it `json:{...}`: in query-block, and in
// traces for what stands on such a node. So the same image has one name or the other; the plain file name is the one we
// show.
#pragma once

#include <string>
#include <string_view>

namespace qte::decoders {

// "/a.img" for `json:{"driver": "raw", "file": {"driver": "file", "filename": "/a.img"}}`; of a temporary file that
// snapshot=on put over an image, that image. Other names, and JSON that tells no file, stay as they are. The result
// lies in `name` or in `buffer`.
std::string_view PlainImageName(std::string_view name, std::string& buffer);

// Whether both are names of one image: the same, or one with more in front of it, as a directory or "blkdebug:CONF:".
bool IsSameImage(std::string_view a, std::string_view b);

// True for the temporary file of snapshot=on: vl.XXXXXX in $TMPDIR, by default /var/tmp.
bool IsTemporaryImage(std::string_view file);

}  // namespace qte::decoders
