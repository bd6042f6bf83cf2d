// The dates of HTTP: RFC 9110, section 5.6.7.
//
// Written in the one form that may be generated, read in all three that must be accepted. Times are whole
// seconds since 1970-01-01 UTC. A second of 60 reads as the first second of the next minute. The weekday
// must be one, but is not compared with the date: nothing depends on it.

/// Reads and writes HTTP dates.
public enum HTTPDate {
  /// The length of a formatted date in bytes.
  public static let count = 29

  /// Writes `Sun, 06 Nov 1994 08:49:37 GMT` into a buffer of at least 29 bytes.
  ///
  /// A time outside the years 0 to 9999 is written as the nearest one inside. A buffer that is too small is a
  /// fault of the program and traps.
  public static func format(_ seconds: Int, into buffer: UnsafeMutableRawBufferPointer) {
    var writer = unsafe ByteWriter(buffer)
    append(seconds, to: &writer)
  }

  /// The date as a String, for what is not on the path of a request.
  public static func string(_ seconds: Int) -> String {
    unsafe String(unsafeUninitializedCapacity: count) { buffer in
      unsafe format(seconds, into: UnsafeMutableRawBufferPointer(buffer))
      return count
    }
  }

  static func append(_ seconds: Int, to writer: inout ByteWriter) {
    let time = CivilTime(seconds: seconds)
    writer.append(weekdayName(time.weekday))
    writer.append(", ")
    writer.append(time.date.day, digits: 2)
    writer.append(.space)
    writer.append(monthName(time.date.month))
    writer.append(.space)
    writer.append(time.date.year, digits: 4)
    writer.append(.space)
    writer.append(time.hour, digits: 2)
    writer.append(.colon)
    writer.append(time.minute, digits: 2)
    writer.append(.colon)
    writer.append(time.second, digits: 2)
    writer.append(" GMT")
  }

  /// Reads an HTTP date in any of the three forms, or returns nil when it is none.
  ///
  /// - Parameter now: seconds since 1970; a year of two digits that would lie more than 50 years ahead of it is in
  ///   the past, as section 5.6.7 demands.
  public static func parse(_ bytes: UnsafeRawBufferPointer, now: Int) -> Int? {
    parse(unsafe ByteView(bytes), now: now)
  }

  static func parse(_ text: ByteView, now: Int) -> Int? {
    var reader = DateReader(text: text)
    guard let seconds = reader.read(now: now) else { return nil }
    return seconds
  }

  static func weekdayName(_ weekday: Int) -> StaticString {
    switch weekday {
    case 0: "Sun"
    case 1: "Mon"
    case 2: "Tue"
    case 3: "Wed"
    case 4: "Thu"
    case 5: "Fri"
    default: "Sat"
    }
  }

  static func monthName(_ month: Int) -> StaticString {
    switch month {
    case 1: "Jan"
    case 2: "Feb"
    case 3: "Mar"
    case 4: "Apr"
    case 5: "May"
    case 6: "Jun"
    case 7: "Jul"
    case 8: "Aug"
    case 9: "Sep"
    case 10: "Oct"
    case 11: "Nov"
    default: "Dec"
    }
  }
}

/// Walks over one date from its first byte to its last.
private struct DateReader {
  let text: ByteView
  var position = 0

  mutating func read(now: Int) -> Int? {
    guard let weekday = weekday() else { return nil }
    if skip(", ") {
      // Sun, 06 Nov 1994 08:49:37 GMT
      guard let day = number(2), skip(" "), let month = month(), skip(" "), let year = number(4), skip(" "),
        let time = timeOfDay(), skip(" GMT")
      else { return nil }
      return seconds(CivilDate(year: year, month: month, day: day), time)
    }
    if skip(" ") {
      // Sun Nov  6 08:49:37 1994
      guard let month = month(), skip(" "), let day = skip(" ") ? number(1) : number(2), skip(" "),
        let time = timeOfDay(), skip(" "), let year = number(4)
      else { return nil }
      return seconds(CivilDate(year: year, month: month, day: day), time)
    }
    // Sunday, 06-Nov-94 08:49:37 GMT
    guard skip(Self.restOfWeekday(weekday)), skip(", "), let day = number(2), skip("-"), let month = month(), skip("-"),
      let shortYear = number(2), skip(" "), let time = timeOfDay(), skip(" GMT")
    else { return nil }
    let thisYear = CivilTime(seconds: now).date.year
    var year = thisYear / 100 * 100 + 100 + shortYear
    while year > thisYear + 50 { year -= 100 }
    return seconds(CivilDate(year: year, month: month, day: day), time)
  }

  /// The sum, when the text ended here and the month has the day.
  private func seconds(_ date: CivilDate, _ secondOfDay: Int) -> Int? {
    guard position == text.count, date.isValid else { return nil }
    return date.daysSinceEpoch * 86_400 + secondOfDay
  }

  private mutating func skip(_ literal: StaticString) -> Bool {
    let expected = literal.view
    guard text.count - position >= expected.count,
      text[position..<position + expected.count].equals(expected)
    else { return false }
    position += expected.count
    return true
  }

  private mutating func number(_ digits: Int) -> Int? {
    guard text.count - position >= digits else { return nil }
    var value = 0
    for offset in 0..<digits {
      guard let digit = text[position + offset].decimalDigit else { return nil }
      value = value * 10 + Int(digit)
    }
    position += digits
    return value
  }

  private mutating func timeOfDay() -> Int? {
    guard let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    return hour * 3600 + minute * 60 + second
  }

  private mutating func weekday() -> Int? {
    for weekday in 0..<7 where skip(HTTPDate.weekdayName(weekday)) { return weekday }
    return nil
  }

  private mutating func month() -> Int? {
    for month in 1...12 where skip(HTTPDate.monthName(month)) { return month }
    return nil
  }

  private static func restOfWeekday(_ weekday: Int) -> StaticString {
    switch weekday {
    case 2: "sday"
    case 3: "nesday"
    case 4: "rsday"
    case 6: "urday"
    default: "day"
    }
  }
}
