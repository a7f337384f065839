"""Lines that the default config reads, DMA requests to be joined among them: what the benchmarks repeat."""

LINES = """\
pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086
pci_cfg_write PIIX3 00:01.0 @0x60 <- 0x80
ps2_put_keycode 0x55e759f09cf0 keycode 0x34
dma_blk_io dbs=0x7f2364048730 bs=0x558d815bce00 offset=1048576 to_dev=0
dma_blk_cb dbs=0x7f2364048730 ret=0
blk_co_preadv blk 0x558d815bce00 bs 0x558d815b0000 offset 1048576 bytes 4096 flags 0x0
dma_blk_cb dbs=0x7f2364048730 ret=0
dma_complete dbs=0x7f2364048730 ret=0 cb=0x558d80001000
pci_cfg_read virtio-blk-pci 00:04.0 @0x10 -> 0xc001
ps2_put_keycode 0x55e759f09cf0 keycode 0xf0
""".splitlines()
THREAD_PREFIX = "26638@1795408732.182800:"
