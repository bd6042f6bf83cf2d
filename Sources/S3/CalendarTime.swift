// Times as S3 writes them: `20130524T000000Z` in signatures, `Fri, 24 May 2013 00:00:00 GMT` in headers.
// UTC only, the proleptic Gregorian calendar, no leap seconds: what both formats mean.

/// A moment of UTC to the second, taken apart into calendar fields.
struct CalendarTime: Equatable {
  var year: Int
  var month: Int
  var day: Int
  var hour: Int
  var minute: Int
  var second: Int

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The moment a number of seconds after 1970 began, within the years 0 to 9999 (nearer end beyond them).
  init(unixSeconds: Int64) {
    let seconds = min(max(unixSeconds, -62_167_219_200), 253_402_300_799)
    let days = Int((seconds >= 0 ? seconds : seconds - 86_399) / 86_400)
    let rest = Int(seconds) - days * 86_400
    hour = rest / 3600
    minute = rest / 60 % 60
    second = rest % 60
    // Days to civil date over eras of 400 years (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// A moment written as `20130524T000000Z` (ISO 8601 basic format); nil for anything else.
  init?(basic text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
    func field(_ range: Range<Int>) -> Int? { decimal(String(decoding: bytes[range], as: UTF8.self)) }
    guard let year = field(0..<4), let month = field(4..<6), let day = field(6..<8), let hour = field(9..<11),
      let minute = field(11..<13), let second = field(13..<15)
    else { return nil }
    self.init(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
  }

  /// A moment written as `Fri, 24 May 2013 00:00:00 GMT` (RFC 9110 IMF-fixdate); nil for anything else.
  ///
  /// No object store writes the two obsolete forms, so they count as no date.
  init?(httpDate text: some StringProtocol) {
    let words = text.trimmed.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 6, words[0].utf8.count == 4, words[0].hasSuffix(","), words[5] == "GMT",
      words[1].utf8.count == 2, let day = decimal(words[1]),
      let month = Self.months.firstIndex(where: { $0 == words[2] }),
      words[3].utf8.count == 4, let year = decimal(words[3])
    else { return nil }
    let clock = words[4].split(separator: ":", omittingEmptySubsequences: false)
    guard clock.count == 3, clock.allSatisfy({ $0.utf8.count == 2 }), let hour = decimal(clock[0]),
      let minute = decimal(clock[1]), let second = decimal(clock[2])
    else { return nil }
    self.init(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
  }

  private init?(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
    (self.year, self.month, self.day) = (year, month, day)
    (self.hour, self.minute, self.second) = (hour, minute, second)
    // A date that does not exist comes back as another one; second 60 is a leap second's and counts as 59.
    if second == 60 { self.second = 59 }
    guard (1...12).contains(month), (1...31).contains(day), CalendarTime(unixSeconds: unixSeconds) == self else {
      return nil
    }
  }

  /// Seconds since 1970 began.
  var unixSeconds: Int64 {
    let marchYear = month <= 2 ? year - 1 : year
    let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return Int64(days * 86_400 + hour * 3600 + minute * 60 + second)
  }

  /// `20130524`: the day of a signature's scope.
  var basicDay: String { padded(year, 4) + padded(month, 2) + padded(day, 2) }

  /// `20130524T000000Z`: the time of a signature.
  var basic: String { basicDay + "T" + padded(hour, 2) + padded(minute, 2) + padded(second, 2) + "Z" }

  private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
