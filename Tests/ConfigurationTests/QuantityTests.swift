// Sizes and durations read one way only, and are written back in the largest exact unit.

import Configuration
import Testing

@Suite struct QuantityTests {
  @Test(arguments: [
    ("0B", 0), ("1B", 1), ("007B", 7), ("1KB", 1000), ("1KiB", 1024), ("64KiB", 65536), ("5MB", 5_000_000),
    ("8MiB", 8 << 20), ("3GB", 3_000_000_000), ("20GiB", 20 << 30), ("2TB", 2_000_000_000_000), ("1TiB", 1 << 40),
    ("9223372036854775807B", Int.max), ("8388607TiB", 8_388_607 << 40),
  ])
  func sizes(text: String, bytes: Int) {
    #expect(ByteSize.bytes(in: text) == bytes)
  }

  @Test(arguments: [
    "1.5GiB", "10 MB", "5mb", "", "-1", "99999999999999TB", "1", "MB", " 1MB", "1MB ", "+1MB", "1_000MB", "1kB", "1Kib",
    "1KIB", "1b", "1PiB", "0x10B", "1e3B", "9223372036854775808B", "8388608TiB", "1MiBs", "1,5GiB", "١MB", "1M", "1\0B",
    "99999999999999999999999999B", "1KB\u{301}",
  ])
  func noSizes(text: String) {
    #expect(ByteSize.bytes(in: text) == nil)
  }

  @Test(arguments: [
    (0, "0B"), (1, "1B"), (999, "999B"), (1000, "1KB"), (1023, "1023B"), (1024, "1KiB"), (8 << 20, "8MiB"),
    (20 << 30, "20GiB"), (1 << 40, "1TiB"), (1 << 50, "1024TiB"), (5_000_000, "5MB"), (1_024_000, "1000KiB"),
    (1_000_000_000_000, "1TB"), (Int.max, "9223372036854775807B"),
  ])
  func sizesWritten(bytes: Int, text: String) {
    #expect(ByteSize.text(for: bytes) == text)
    #expect(ByteSize.bytes(in: text) == bytes)
  }

  @Test(arguments: [
    ("0ms", Duration.zero), ("1ms", .milliseconds(1)), ("500ms", .milliseconds(500)), ("90s", .seconds(90)),
    ("10m", .seconds(600)), ("24h", .seconds(86400)), ("30d", .seconds(2_592_000)),
    ("106751991167d", .milliseconds(106_751_991_167 * 86_400_000)),
  ])
  func durations(text: String, duration: Duration) {
    #expect(TimeSpan.duration(in: text) == duration)
  }

  @Test(arguments: [
    "", "s", "1", "1.5s", "1 s", "-1s", "1S", "1M", "1min", "1w", "1us", "1m30s", "106751991168d",
    "99999999999999999999s",
  ])
  func noDurations(text: String) {
    #expect(TimeSpan.duration(in: text) == nil)
  }

  @Test(arguments: [
    (Duration.zero, "0s"), (.milliseconds(1), "1ms"), (.milliseconds(1500), "1500ms"), (.seconds(60), "1m"),
    (.seconds(75), "75s"), (.seconds(7200), "2h"), (.seconds(86400), "1d"), (.seconds(90000), "25h"),
    (.microseconds(1999), "1ms"),
  ])
  func durationsWritten(duration: Duration, text: String) {
    #expect(TimeSpan.text(for: duration) == text)
  }
}
