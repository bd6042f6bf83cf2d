// What `systemctl status` shows of the box.

import Testing

@testable import larder

@Suite("The status line") struct StatusLineTests {
  @Test("says what is done, why not, for how many, and what is free")
  func words() {
    #expect("\(StatusLine(freeBytes: 41_300_000_000))" == "nothing to do, 41 GB free")
    #expect("\(StatusLine())" == "nothing to do, the file system does not say what is free")
    let busy = StatusLine(arriving: 2, bytesPerSecond: 12_345_678, viewers: 3, freeBytes: 41_000_000_000)
    #expect("\(busy)" == "2 titles coming in at 12 MB/s, 3 viewers, 41 GB free")
    let one = StatusLine(arriving: 1, bytesPerSecond: 900, viewers: 1, freeBytes: 1_999_999)
    #expect("\(one)" == "1 title coming in at 900 B/s, 1 viewer, 1.9 MB free")
    let stuck = StatusLine(waiting: 3, trouble: "origin_unreachable", viewers: 1, freeBytes: 5_000_000)
    #expect("\(stuck)" == "3 titles waiting (origin_unreachable), 1 viewer, 5.0 MB free")
    let both = StatusLine(arriving: 1, bytesPerSecond: 1000, waiting: 1, trouble: "origin_error", freeBytes: 0)
    #expect("\(both)" == "1 title coming in at 1.0 kB/s, 1 title waiting (origin_error), 0 B free")
  }

  @Test(
    "numbers have two digits, so that the line changes seldom",
    arguments: [
      (0, "0 B"), (7, "7 B"), (99, "99 B"), (999, "990 B"), (1000, "1.0 kB"), (9_999, "9.9 kB"), (10_000, "10 kB"),
      (814_999_999, "810 MB"), (4_100_000_000_000, "4.1 TB"), (Int.max, "9.2 EB"),
    ])
  func coarse(_ bytes: Int, _ text: String) {
    #expect(StatusLine.coarse(bytes) == text)
  }
}
