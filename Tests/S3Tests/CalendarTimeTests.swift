// Times: both formats against known moments, and every day of some centuries against counting on.

import Testing

@testable import S3

@Suite("Calendar time")
struct CalendarTimeTests {
  @Test("Known moments are written and read back")
  func known() {
    let table: [(Int64, String)] = [
      (0, "19700101T000000Z"), (1_369_353_600, "20130524T000000Z"), (1_440_938_160, "20150830T123600Z"),
      (951_782_400, "20000229T000000Z"), (-1, "19691231T235959Z"), (4_107_542_400, "21000301T000000Z"),
      (253_402_300_799, "99991231T235959Z"), (-62_167_219_200, "00000101T000000Z"),
    ]
    for (seconds, text) in table {
      #expect(CalendarTime(unixSeconds: seconds).basic == text)
      #expect(CalendarTime(basic: text)?.unixSeconds == seconds)
    }
    #expect(CalendarTime(unixSeconds: .max).basic == "99991231T235959Z")
    #expect(CalendarTime(unixSeconds: .min).basic == "00000101T000000Z")
  }

  @Test("Each day follows the one before")
  func everyDay() {
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var (year, month, day) = (1890, 1, 1)
    let start = Int64(-29_219)  // days from 1890 to 1970
    for count in 0..<(220 * 365) {
      let time = CalendarTime(unixSeconds: (start + Int64(count)) * 86_400 + 45_296)
      guard (time.year, time.month, time.day) == (year, month, day),
        (time.hour, time.minute, time.second) == (12, 34, 56)
      else {
        Issue.record("\(year)-\(month)-\(day) came out as \(time)")
        return
      }
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      day += 1
      if day > lengths[month - 1] + (month == 2 && isLeap ? 1 : 0) { (month, day) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
    #expect(year == 2109)
  }

  @Test("HTTP dates are read in the one form that is written today")
  func httpDates() {
    let table: [(String, Int64?)] = [
      ("Wed, 21 Oct 2015 07:28:00 GMT", 1_445_412_480), (" Thu, 01 Jan 1970 00:00:00 GMT ", 0),
      ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799), ("Wednesday, 21-Oct-15 07:28:00 GMT", nil),
      ("Wed Oct 21 07:28:00 2015", nil), ("Wed, 21 Oct 2015 07:28:00", nil), ("Wed, 21 Oct 2015 07:28:00 CET", nil),
      ("Wed, 1 Oct 2015 07:28:00 GMT", nil), ("Wed, 21 Okt 2015 07:28:00 GMT", nil), ("", nil),
      ("Wed, 30 Feb 2015 07:28:00 GMT", nil), ("Wed, 00 Oct 2015 07:28:00 GMT", nil),
      ("Wed, 21 Oct 2015 24:00:00 GMT", nil), ("Wed, 21 Oct 2015 07:60:00 GMT", nil),
      ("Wed, 21 Oct 2015 07:28:61 GMT", nil), ("Wed, +1 Oct 2015 07:28:00 GMT", nil),
    ]
    for (text, seconds) in table { #expect(CalendarTime(httpDate: text)?.unixSeconds == seconds, "\(text)") }
  }

  @Test("Times of signatures are read strictly")
  func strict() {
    for text in [
      "", "20130524T000000", "20130524 000000Z", "20130524T000000z", "2013052AT000000Z", "20130532T000000Z",
      "20131324T000000Z", "20130229T000000Z", "20130524T250000Z", "20130524T000000ZZ", "+0130524T000000Z",
    ] { #expect(CalendarTime(basic: text) == nil, "\(text)") }
  }
}
