// One label for each disk, as long as it exists.
#include "decoders/disk/block_cases_for_test.h"
#include "decoders/disk/image_name.h"

namespace qte::decoders {
namespace {

std::string Open(const std::string& node, const std::string& file, const std::string& format,
                 const std::string& flags = "0x22002") {
  return "bdrv_open_common bs " + node + " filename \"" + file + "\" flags " + flags + " format_name \"" + format +
         "\"";
}
std::string Attach(const std::string& child, const std::string& blk, const std::string& node) {
  return "blk_root_attach child " + child + " blk " + blk + " bs " + node;
}
std::string Detach(const std::string& child, const std::string& blk, const std::string& node) {
  return "blk_root_detach child " + child + " blk " + blk + " bs " + node;
}
// The disk of child 0xc1 and backend 0xa1, to another node at once.
Lines Move(const std::string& from, const std::string& to) {
  return {Detach("0xc1", "0xa1", from), Attach("0xc1", "0xa1", to)};
}
Lines VirtioRead(const std::string& vdev, const std::string& blk, const std::string& node) {
  return {"virtio_blk_handle_read vdev " + vdev + " req 0x10 sector 0 nsectors 1",
          ReadOf(blk, node, "offset 0 bytes 512"), "virtio_blk_req_complete vdev " + vdev + " req 0x10 status 0"};
}
Lines ScsiRead(const std::string& blk, const std::string& node) {
  return {"scsi_req_parsed target 0 lun 0 tag 7 command 40 dir 1 length 512",
          "dma_blk_io dbs=0xd1 bs=0x5c51 offset=0 to_dev=0",
          "dma_blk_cb dbs=0xd1 ret=0",
          ReadOf(blk, node, "offset 0 bytes 512"),
          "dma_blk_cb dbs=0xd1 ret=0",
          "dma_complete dbs=0xd1 ret=0 cb=0x1",
          "scsi_req_dequeue target 0 lun 0 tag 7"};
}

Drive DriveOf(std::string_view file) {
  return {.backend = ValueOf("0xa1"),
          .node = 0xb1,
          .file = file,
          .format = "raw",
          .name = "d0",
          .qdev = "disk0",
          .serial = "S1",
          .is_read_only = true};
}

struct Case {
  std::string name;
  Lines lines;
  Lines labels;  // of the requests, in order
  Lines infos;   // at the end
};

const Lines kDisk = {Open("0xb0", "/a.img", "file"), Attach("0xc1", "0xa9", "0xb0"), Open("0xb1", "/a.img", "raw"),
                     Detach("0xc1", "0xa9", "0xb0"), Attach("0xc1", "0xa1", "0xb1")};
const Lines kRead = VirtioRead("0x1", "0xa1", "0xb1");

TEST_CASE("A disk keeps its label, and its image is the one of the moment") {
  const std::string kA = "/a.img";
  Case c = GENERATE_COPY(
      Case{"external snapshot",
           kDisk + kRead + Lines{Open("0xb2", "/snap.qcow2", "qcow2")} + Move("0xb1", "0xb2") +
               VirtioRead("0x1", "0xa1", "0xb2"),
           {kA, kA},
           {"virtio-blk /a.img /snap.qcow2 qcow2"}},
      Case{"a filter at a pointer that is not known",
           kDisk + kRead + Move("0xb1", "0xb7") + VirtioRead("0x1", "0xa1", "0xb7") + Move("0xb7", "0xb1") + kRead,
           {kA, kA, kA},
           {"virtio-blk /a.img /a.img raw"}},
      Case{"a filter at the pointer of the target of the job before, whose end is not logged",
           kDisk + kRead + Lines{Open("0xb2", "/backup.qcow2", "qcow2")} + Move("0xb1", "0xb7") + Move("0xb7", "0xb1") +
               Lines{Open("0xb3", "/mirror.qcow2", "qcow2")} + Move("0xb1", "0xb2") + VirtioRead("0x1", "0xa1", "0xb2"),
           {kA, kA},
           {"virtio-blk /a.img /a.img raw"}},
      Case{"mirror and pivot",
           kDisk + kRead + Lines{Open("0xb2", "/mirror.qcow2", "qcow2")} + Move("0xb1", "0xb7") +
               Lines{Attach("0xc5", "0xa5", "0xb2")} + VirtioRead("0x1", "0xa1", "0xb7") +
               Lines{Detach("0xc5", "0xa5", "0xb2")} + Move("0xb7", "0xb2") + VirtioRead("0x1", "0xa1", "0xb2"),
           {kA, kA, kA},
           {"virtio-blk /a.img /mirror.qcow2 qcow2"}},
      Case{"snapshot and commit back",
           kDisk + kRead + Lines{Open("0xb2", "/snap.qcow2", "qcow2")} + Move("0xb1", "0xb2") + Move("0xb2", "0xb7") +
               Lines{Attach("0xc5", "0xa5", "0xb1"), Detach("0xc5", "0xa5", "0xb1")} + Move("0xb7", "0xb1") + kRead,
           {kA, kA},
           {"virtio-blk /a.img /a.img raw"}},
      Case{"a job before the first request",
           kDisk + Move("0xb1", "0xb7") + VirtioRead("0x1", "0xa1", "0xb7"),
           {kA},
           {"virtio-blk /a.img /a.img raw"}},
      Case{"the log began late: the pointer stays over a snapshot",
           kRead + Lines{Open("0xb2", "/snap.qcow2", "qcow2")} + Move("0xb1", "0xb2") +
               VirtioRead("0x1", "0xa1", "0xb2"),
           {"0xa1", "0xa1"},
           {"virtio-blk 0xa1 /snap.qcow2 qcow2"}},
      Case{"unplugged, and another disk at its pointers",
           kDisk + kRead +
               Lines{Detach("0xc1", "0xa1", "0xb1"), Open("0xb1", "/b.img", "raw"), Attach("0xc1", "0xa1", "0xb1")} +
               kRead,
           {kA, "/b.img"},
           {"virtio-blk /b.img /b.img raw"}},
      Case{"unplugged, and another disk of an image that was there before, at its pointers, 60 ms later",
           kDisk + kRead +
               Lines{Open("0xb2", "/b.img", "raw"), "7@1.000000:" + Detach("0xc1", "0xa1", "0xb1"),
                     "7@1.060000:" + Attach("0xc1", "0xa1", "0xb2")} +
               VirtioRead("0x1", "0xa1", "0xb2"),
           {kA, "/b.img"},
           {"virtio-blk /b.img /b.img raw"}},
      Case{"unplugged and plugged in again elsewhere: the same label",
           kDisk + kRead +
               Lines{Detach("0xc1", "0xa1", "0xb1"), Open("0xb4", "/a.img", "raw"), Attach("0xc4", "0xa4", "0xb4")} +
               VirtioRead("0x2", "0xa4", "0xb4"),
           {kA, kA},
           {"virtio-blk /a.img /a.img raw"}},
      Case{"a new disk with the image that another one has left by a pivot",
           kDisk + kRead + Lines{Open("0xb2", "/mirror.img", "raw")} + Move("0xb1", "0xb2") +
               Lines{Open("0xb4", "/a.img", "raw"), Attach("0xc4", "0xa4", "0xb4")} +
               VirtioRead("0x2", "0xa4", "0xb4") + VirtioRead("0x1", "0xa1", "0xb2"),
           {kA, "/a.img#2", kA},
           {"virtio-blk /a.img /mirror.img raw", "virtio-blk /a.img#2 /a.img raw"}},
      Case{"two disks, one image",
           kDisk + Lines{Open("0xb4", "/a.img", "raw"), Attach("0xc4", "0xa4", "0xb4")} + kRead +
               VirtioRead("0x2", "0xa4", "0xb4") + kRead + VirtioRead("0x2", "0xa4", "0xb4"),
           {kA, "/a.img#2", kA, "/a.img#2"},
           {"virtio-blk /a.img /a.img raw", "virtio-blk /a.img#2 /a.img raw"}},
      Case{"snapshot=on over an image with a backing file",
           Lines{Open("0xb0", "/a.qcow2", "qcow2", "0x22000"), Open("0xb5", "/base.img", "raw", "0x2000"),
                 Open("0xb2", "/var/tmp/vl.F3TGZ3", "file", "0xa006"),
                 Open("0xb2", "/var/tmp/vl.F3TGZ3", "qcow2", "0x12102"),
                 Open("0xb6", "/var/tmp/vl.F3TGZ3", "file", "0xa212"),
                 Open("0xb2", "/var/tmp/vl.F3TGZ3", "qcow2", "0x2212"), Attach("0xc1", "0xa1", "0xb2")} +
               VirtioRead("0x1", "0xa1", "0xb2"),
           {"/a.qcow2"},
           {"virtio-blk /a.qcow2 /a.qcow2 qcow2"}},
      Case{"an image with options of its own",
           Lines{Open("0xb1", R"(json:{"driver": "raw", "file": {"driver": "file", "filename": "/a.img"}})", "raw"),
                 Attach("0xc1", "0xa1", "0xb1")} +
               kRead,
           {kA},
           {"virtio-blk /a.img /a.img raw"}});
  CAPTURE(c.name);
  Replay replay("block_request");
  replay.Play(c.lines);
  Lines labels;
  for (const std::string& request : replay.emitted) {
    size_t begin = request.find('/') == request.npos ? request.find("0x") : request.find('/');
    labels.push_back(request.substr(begin, request.find(" read ") - begin));
  }
  CHECK(labels == c.labels);
  replay.InFlight();
  std::sort(replay.infos.begin(), replay.infos.end());
  CHECK(replay.infos == c.infos);
  // A process that starts from a checkpoint continues in the same way.
  for (size_t cut = 0; cut < c.lines.size(); ++cut) {
    Replay before("block_request");
    before.Play(Lines(c.lines.begin(), c.lines.begin() + static_cast<ptrdiff_t>(cut)));
    Replay after("block_request");
    after.decoder().Restore(before.decoder().Save());
    after.Play(Lines(c.lines.begin() + static_cast<ptrdiff_t>(cut), c.lines.end()));
    CHECK(before.emitted + after.emitted == replay.emitted);
  }
}

TEST_CASE("A change of medium keeps the label; another disk in its place does not") {
  auto plug = [](const std::string& node, const std::string& file, const std::string& flags) {
    return Lines{Open(node, file, "raw", flags), Attach("0xc1", "0xa1", node)} + ScsiRead("0xa1", node);
  };
  auto labels_of = [](const Lines& lines) {
    Replay replay("dma_request");
    replay.Play(lines);
    Replay blocks("block_request");
    blocks.Play(lines);
    Lines labels;
    for (const std::string& request : blocks.emitted) {
      size_t begin = request.find('/');
      labels.push_back(request.substr(begin, request.find(" read ") - begin));
    }
    return labels;
  };
  const Lines kOut = {Detach("0xc1", "0xa1", "0xb1")};
  CHECK(labels_of(plug("0xb1", "/1.iso", "0x0") + kOut + plug("0xb2", "/2.iso", "0x0")) == Lines{"/1.iso", "/1.iso"});
  CHECK(labels_of(plug("0xb1", "/1.img", "0x2") + kOut + plug("0xb2", "/2.img", "0x2")) == Lines{"/1.img", "/2.img"});
}

TEST_CASE("What QEMU tells by QMP replaces a label that was no image, and a wrong one") {
  struct Told {
    std::string name;
    Lines lines;
    std::string file;
    Lines labels;
    std::string info;
  };
  const Told c = GENERATE_COPY(
      Told{"no image", kRead, "/a.img", {"0xa1", "/a.img"}, "virtio-blk /a.img /a.img raw d0 disk0 S1 true"},
      Told{"a wrong image",
           kDisk + kRead,
           "/b.img",
           {"/a.img", "/b.img"},
           "virtio-blk /b.img /b.img raw d0 disk0 S1 true"},
      Told{"the same image, as JSON",
           kDisk + kRead,
           R"(json:{"driver":"raw","file":{"driver":"file","filename":"/a.img"}})",
           {"/a.img", "/a.img"},
           "virtio-blk /a.img /a.img raw d0 disk0 S1 true"},
      Told{"the same image, with its directory",
           kDisk + kRead,
           "/images/a.img",
           {"/a.img", "/a.img"},
           "virtio-blk /a.img /a.img raw d0 disk0 S1 true"});
  CAPTURE(c.name);
  Replay replay("block_request");
  replay.Play(c.lines);
  CHECK(replay.decoder().LacksDrive(DriveOf(c.file)));
  replay.decoder().OnDrive(DriveOf(c.file));
  CHECK(!replay.decoder().LacksDrive(DriveOf(c.file)));
  CHECK(replay.decoder().LacksDrive(DriveOf("/other")));
  replay.Play(kRead);
  Lines labels;
  for (const std::string& request : replay.emitted) labels.push_back(request.substr(25, request.find(" read ") - 25));
  CHECK(labels == c.labels);
  replay.InFlight();
  CHECK(replay.infos == Lines{c.info});
}

TEST_CASE("Plain names of images") {
  auto plain = [](std::string_view name) {
    std::string buffer;
    return std::string(PlainImageName(name, buffer));
  };
  CHECK(plain("/a.img") == "/a.img");
  CHECK(plain(R"(json:{"driver":"qcow2","file":{"driver":"file","filename":"/a b.img","locking":"off"}})") ==
        "/a b.img");
  CHECK(plain(R"(json:{"driver":"blkdebug","image":{"driver":"file","filename":"/a.img"}})") == "/a.img");
  CHECK(plain(R"(json:{"backing":{"driver":"raw","file":{"driver":"file","filename":"/v.img"}},"driver":"qcow2",)"
              R"("file":{"driver":"file","filename":"/var/tmp/vl.F3TGZ3"}})") == "/v.img");
  CHECK(plain(R"(json:{"backing":{"driver":"file","filename":"/base"},"file":{"driver":"file","filename":"/top"}})") ==
        "/top");
  for (const char* odd : {"json:", "json:{", "json:[1]", "json:5", R"(json:{"driver":"nbd","server":{"host":"h"}})"}) {
    CHECK(plain(odd) == odd);
  }
  std::string deep = "json:";
  for (int i = 0; i < 10000; ++i) deep += R"({"file":)";
  deep += "1" + std::string(10000, '}');
  CHECK(plain(deep) == deep);
  CHECK(IsTemporaryImage("/tmp/vl.a1B2c3"));
  CHECK(!IsTemporaryImage("/tmp/vl.image12"));
  CHECK(!IsTemporaryImage("/images/v.img"));
}

}  // namespace
}  // namespace qte::decoders
