// Dates: the RFC's examples, what is none, and centuries against counting day by day.

import Testing

@testable import HTTP

@Suite struct HTTPDateTests {
  private let now = 1_800_000_000  // 15 January 2027

  private func parse(_ text: String, now: Int? = nil) -> Int? {
    let bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeBytes { buffer in unsafe HTTPDate.parse(buffer, now: now ?? self.now) }
  }

  @Test(arguments: [
    ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
    ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ("Wed, 31 Dec 1969 23:59:59 GMT", -1), ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
    ("Sun Nov 16 08:49:37 1994", 784_975_777), ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
    ("Sat, 01 Jan 0000 00:00:00 GMT", -62_167_219_200), ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
    ("Wednesday, 09-Nov-94 08:49:37 GMT", 784_370_977), ("Thursday, 10-Nov-94 08:49:37 GMT", 784_457_377),
    ("Tuesday, 08-Nov-94 08:49:37 GMT", 784_284_577), ("Saturday, 12-Nov-94 08:49:37 GMT", 784_630_177),
    ("Monday, 07-Nov-94 08:49:37 GMT", 784_198_177), ("Friday, 11-Nov-94 08:49:37 GMT", 784_543_777),
  ])
  func reads(text: String, seconds: Int) {
    #expect(parse(text) == seconds)
  }

  @Test(arguments: [
    "", "Sun", "Sun,", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
    " Sun, 06 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Wed, 31 Nov 1994 08:49:37 GMT",
    "Wed, 29 Feb 1900 08:49:37 GMT", "Wed, 29 Feb 2023 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994", "Sun Nov  06 08:49:37 1994", "Sun Nov  6 08:49:37 94", "Sun Nov  6 08:49:37 1994 GMT",
    "Xyz, 06 Nov 1994 08:49:37 GMT", "784111777", "Sun, 06 Nov +994 08:49:37 GMT", "Tueday, 08-Nov-94 08:49:37 GMT",
  ])
  func refuses(text: String) {
    #expect(parse(text) == nil)
  }

  @Test func twoDigitsAreAtMostFiftyYearsAhead() {
    // From 2027: 77 is 2077, 78 is 1978.
    #expect(parse("Friday, 01-Jan-77 00:00:00 GMT") == parse("Fri, 01 Jan 2077 00:00:00 GMT"))
    #expect(parse("Friday, 01-Jan-78 00:00:00 GMT") == parse("Fri, 01 Jan 1978 00:00:00 GMT"))
    #expect(parse("Friday, 01-Jan-00 00:00:00 GMT") == parse("Fri, 01 Jan 2000 00:00:00 GMT"))
    let in1999 = 930_000_000
    #expect(parse("Friday, 01-Jan-00 00:00:00 GMT", now: in1999) == parse("Fri, 01 Jan 2000 00:00:00 GMT"))
    #expect(parse("Friday, 01-Jan-50 00:00:00 GMT", now: in1999) == parse("Fri, 01 Jan 1950 00:00:00 GMT"))
    #expect(parse("Friday, 01-Jan-49 00:00:00 GMT", now: in1999) == parse("Fri, 01 Jan 2049 00:00:00 GMT"))
  }

  /// Every day of eight centuries, counted one by one, to text and back.
  @Test func everyDayGoesToTextAndBack() {
    let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func padded(_ value: Int, _ digits: Int) -> String {
      String(repeating: "0", count: digits - String(value).count) + String(value)
    }
    // 1600-01-01 was a Saturday, 135140 days before 1970.
    var day = -135_140
    var weekday = 6
    for year in 1600..<2400 {
      let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
      for (month, length) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
        for date in 1...length {
          let civil = CivilDate(daysSinceEpoch: day)
          if civil != CivilDate(year: year, month: month + 1, day: date) || civil.daysSinceEpoch != day {
            Issue.record("day \(day) is \(civil)")
          }
          // The text for a few of them: it takes longer.
          if date == length || date == 1 {
            let seconds = day * 86_400 + (day & 0xffff)
            let clock = day & 0xffff
            let time = "\(padded(clock / 3600, 2)):\(padded(clock / 60 % 60, 2)):\(padded(clock % 60, 2))"
            let text = "\(names[weekday]), \(padded(date, 2)) \(months[month]) \(year) \(time) GMT"
            #expect(HTTPDate.string(seconds) == text)
            #expect(parse(text) == seconds)
            let stamp = "\(year)-\(padded(month + 1, 2))-\(padded(date, 2))T\(time).007Z"
            #expect(Timestamp.string(milliseconds: seconds * 1000 + 7) == stamp)
          }
          day += 1
          weekday = (weekday + 1) % 7
        }
      }
    }
    #expect(day == 157_054)
  }

  @Test func timesOutsideFourDigitsAreHeldWithin() {
    #expect(HTTPDate.string(.max) == "Fri, 31 Dec 9999 23:59:59 GMT")
    #expect(HTTPDate.string(.min) == "Sat, 01 Jan 0000 00:00:00 GMT")
    #expect(Timestamp.string(milliseconds: .max) == "9999-12-31T23:59:59.999Z")
    #expect(Timestamp.string(milliseconds: .min) == "0000-01-01T00:00:00.000Z")
  }

  @Test func timestampsHaveMilliseconds() {
    #expect(Timestamp.string(milliseconds: 1_795_348_756_123) == "2026-11-22T11:59:16.123Z")
    #expect(Timestamp.string(milliseconds: -1) == "1969-12-31T23:59:59.999Z")
    #expect(Timestamp.string(milliseconds: 0) == "1970-01-01T00:00:00.000Z")
    #expect(Timestamp.count == Timestamp.string(milliseconds: 0).utf8.count)
  }
}
