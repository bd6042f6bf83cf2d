// Moments as the API writes them: RFC 3339, UTC, with milliseconds.
//
// Written only. Times are milliseconds since 1970-01-01 UTC, held within the years 0 to 9999.

/// Writes RFC 3339 timestamps.
public enum Timestamp {
  /// The length of a formatted timestamp in bytes.
  public static let count = 24

  /// Writes `2026-11-22T11:59:16.123Z` into a buffer of at least 24 bytes; a smaller one traps.
  ///
  /// A moment outside the years 0 to 9999 is written as the nearest one inside.
  public static func format(milliseconds: Int, into buffer: UnsafeMutableRawBufferPointer) {
    var writer = unsafe ByteWriter(buffer)
    let held = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
    let seconds = (held >= 0 ? held : held - 999) / 1000
    let time = CivilTime(seconds: seconds)
    writer.append(time.date.year, digits: 4)
    writer.append(UInt8(ascii: "-"))
    writer.append(time.date.month, digits: 2)
    writer.append(UInt8(ascii: "-"))
    writer.append(time.date.day, digits: 2)
    writer.append(UInt8(ascii: "T"))
    writer.append(time.hour, digits: 2)
    writer.append(.colon)
    writer.append(time.minute, digits: 2)
    writer.append(.colon)
    writer.append(time.second, digits: 2)
    writer.append(UInt8(ascii: "."))
    writer.append(held - seconds * 1000, digits: 3)
    writer.append(UInt8(ascii: "Z"))
  }

  /// The timestamp as a String.
  public static func string(milliseconds: Int) -> String {
    unsafe String(unsafeUninitializedCapacity: count) { buffer in
      unsafe format(milliseconds: milliseconds, into: UnsafeMutableRawBufferPointer(buffer))
      return count
    }
  }
}
