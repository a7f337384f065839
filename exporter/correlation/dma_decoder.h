// The decoder of DMA transfers: joins dma_blk_io with the block layer's reads and writes, which know size and disk.
//
//   bdrv_open_common bs B filename "disk.img"         node B has this file open
//   blk_root_attach blk K bs B                        backend K stands on node B
//   dma_blk_io dbs=D bs=... offset=O to_dev=0         request D starts
//   dma_blk_cb dbs=D ret=0                            D submits a part ...
//   blk_co_preadv blk K bs B offset O bytes N         ... of N bytes, on backend K
//   dma_blk_cb dbs=D ret=0                            the part is done; another may follow
//   dma_complete dbs=D ret=0                          D ends
//
// Out: dma_request_start(device, direction) once for each transfer, as soon as it is known to be one, and
// dma_request(device, direction, bytes, duration) when it has ended. `device` is the file's name where it is known,
// else a pointer as printed, of the backend if possible; `direction` is "read" or "write", seen from the guest; `bytes`
// is the sum of the parts, missing if none was seen or the request failed; `duration` is in seconds, missing without
// timestamps.
#pragma once

#include "correlation/decoder.h"

namespace qte::correlation {

DecoderKind DmaDecoderKind();

}  // namespace qte::correlation
