// Conditional requests: tables for each header, and every combination against a naive model.

import Testing

@testable import HTTP

@Suite struct ConditionalTests {
  static let modified = 784_111_777  // Sun, 06 Nov 1994 08:49:37 GMT
  static let date = "Sun, 06 Nov 1994 08:49:37 GMT"
  static let before = "Sun, 06 Nov 1994 08:49:36 GMT"
  static let after = "Sun, 06 Nov 1994 08:49:38 GMT"

  private func evaluate(
    _ lines: [String], method: String = "GET", etag: String = "\"v1\"", lastModified: Int? = modified,
    now: Int = modified + 1000
  ) -> Conditional.Outcome {
    let text = "\(method) / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
    let bytes = Array(text.utf8)
    let tag = Array(etag.utf8)
    var head = RequestHead()
    return unsafe bytes.withUnsafeBytes { buffer in
      #expect(unsafe RequestParser.parse(buffer, into: &head) == .complete(headLength: bytes.count))
      return unsafe tag.withUnsafeBytes { tag in
        unsafe Conditional.evaluate(head, in: buffer, etag: tag, lastModified: lastModified, now: now)
      }
    }
  }

  @Test func withoutConditionsTheRangeCountsForGetOnly() {
    #expect(evaluate([]) == .proceed(useRange: false))
    #expect(evaluate(["Range: bytes=0-1"]) == .proceed(useRange: true))
    #expect(evaluate(["Range: bytes=0-1"], method: "HEAD") == .proceed(useRange: false))
    #expect(evaluate(["Range: bytes=0-1"], method: "POST") == .proceed(useRange: false))
  }

  @Test(arguments: [
    ("\"v1\"", true), ("*", true), ("\"v2\"", false), ("\"a\", \"v1\"", true), ("\"a\",\"b\" ,\t\"v1\",", true),
    (",,\"v1\"", true), ("W/\"v1\"", false), ("W/\"v1\", \"v1\"", true), ("\"v1", false), ("v1", false), ("", false),
    ("*, \"v1\"", false), ("\"v1\", *", false), ("\"v1\" \"v2\"", false), ("\"v1\", v2", false), ("\"V1\"", false),
    ("\"v1 \"", false), ("w/\"v1\"", false), ("\"v\" 1\"", false), ("\"\"", false), (",", false), ("'v1'", false),
  ])
  func ifMatchIsStrong(value: String, holds: Bool) {
    #expect(evaluate(["If-Match: \(value)"]) == (holds ? .proceed(useRange: false) : .preconditionFailed))
    #expect(
      evaluate(["If-Match: \(value)"], method: "DELETE") == (holds ? .proceed(useRange: false) : .preconditionFailed))
  }

  @Test(arguments: [
    ("\"v1\"", true), ("*", true), ("\"v2\"", false), ("\"a\", \"v1\"", true), ("W/\"v1\"", true),
    ("W/\"a\", W/\"v1\"", true), ("\"v1", false), ("v1", false), ("", false), ("*, \"v1\"", false),
    ("\"v1\", v2", false), ("\"a,b\", \"v1\"", true), ("\"a\\\", \"v1\"", true), ("W/\"\"", false), ("W/v1", false),
  ])
  func ifNoneMatchIsWeak(value: String, matches: Bool) {
    #expect(evaluate(["If-None-Match: \(value)"]) == (matches ? .notModified : .proceed(useRange: false)))
    #expect(
      evaluate(["If-None-Match: \(value)"], method: "HEAD") == (matches ? .notModified : .proceed(useRange: false)))
    #expect(
      evaluate(["If-None-Match: \(value)"], method: "PUT")
        == (matches ? .preconditionFailed : .proceed(useRange: false)))
  }

  @Test func severalLinesAreOneList() {
    #expect(evaluate(["If-None-Match: \"a\"", "If-None-Match: \"v1\""]) == .notModified)
    #expect(evaluate(["If-Match: \"a\"", "If-Match: \"v1\""]) == .proceed(useRange: false))
    #expect(evaluate(["If-Match: \"a\"", "If-Match: \"b\""]) == .preconditionFailed)
    #expect(evaluate(["If-None-Match: \"v1\"", "If-None-Match: x"]) == .proceed(useRange: false))
    #expect(evaluate(["If-None-Match: *", "If-None-Match: \"v1\""]) == .proceed(useRange: false))
  }

  @Test func weakAndAbsentTagsOfOurOwn() {
    #expect(evaluate(["If-Match: \"v1\""], etag: "W/\"v1\"") == .preconditionFailed)
    #expect(evaluate(["If-Match: W/\"v1\""], etag: "W/\"v1\"") == .preconditionFailed)
    #expect(evaluate(["If-None-Match: \"v1\""], etag: "W/\"v1\"") == .notModified)
    #expect(evaluate(["Range: bytes=0-", "If-Range: W/\"v1\""], etag: "W/\"v1\"") == .proceed(useRange: false))
    #expect(evaluate(["If-Match: \"\""], etag: "") == .preconditionFailed)
    #expect(evaluate(["If-Match: *"], etag: "") == .proceed(useRange: false))
    #expect(evaluate(["If-None-Match: \"\""], etag: "\"\"") == .notModified)
  }

  @Test(arguments: [
    (date, false, true), (before, true, false), (after, false, true), ("Sunday, 06-Nov-94 08:49:37 GMT", false, true),
    ("Sun Nov  6 08:49:36 1994", true, false), ("yesterday", false, false), ("", false, false), ("0", false, false),
    ("Sun, 31 Feb 1994 08:49:37 GMT", false, false),
  ])
  func datesAreCompared(value: String, isUnmodifiedSinceFalse: Bool, isModifiedSinceFalse: Bool) {
    let proceed = Conditional.Outcome.proceed(useRange: false)
    #expect(evaluate(["If-Unmodified-Since: \(value)"]) == (isUnmodifiedSinceFalse ? .preconditionFailed : proceed))
    #expect(evaluate(["If-Modified-Since: \(value)"]) == (isModifiedSinceFalse ? .notModified : proceed))
    #expect(
      evaluate(["If-Modified-Since: \(value)"], method: "HEAD") == (isModifiedSinceFalse ? .notModified : proceed))
    #expect(evaluate(["If-Modified-Since: \(value)"], method: "POST") == proceed)
    #expect(evaluate(["If-Modified-Since: \(value)", "If-Unmodified-Since: \(value)"], lastModified: nil) == proceed)
  }

  @Test func repeatedDatesAreIgnored() {
    #expect(
      evaluate(["If-Modified-Since: \(Self.date)", "If-Modified-Since: \(Self.date)"]) == .proceed(useRange: false))
    #expect(
      evaluate(["If-Unmodified-Since: \(Self.before)", "If-Unmodified-Since: \(Self.before)"])
        == .proceed(useRange: false))
  }

  @Test(arguments: [
    ("\"v1\"", true), ("\"v2\"", false), ("W/\"v1\"", false), ("*", false), ("v1", false), ("\"v1\", \"v2\"", false),
    ("", false), (date, true), (before, false), (after, false), ("Sun Nov  6 08:49:37 1994", true),
    ("Sunday, 06-Nov-94 08:49:37 GMT", true),
  ])
  func ifRangeIsStrong(value: String, holds: Bool) {
    #expect(evaluate(["Range: bytes=0-1", "If-Range: \(value)"]) == .proceed(useRange: holds))
    #expect(evaluate(["If-Range: \(value)"]) == .proceed(useRange: false))
    #expect(
      evaluate(["Range: bytes=0-1", "If-Range: \(value)", "If-Range: \(value)"]) == .proceed(useRange: false))
  }

  @Test func aDateInIfRangeIsWeakWithinItsSecond() {
    let lines = ["Range: bytes=0-1", "If-Range: \(Self.date)"]
    #expect(evaluate(lines, now: Self.modified) == .proceed(useRange: false))
    #expect(evaluate(lines, now: Self.modified + 1) == .proceed(useRange: true))
    #expect(evaluate(lines, now: Self.modified - 1) == .proceed(useRange: false))
    #expect(evaluate(lines, lastModified: nil) == .proceed(useRange: false))
  }

  /// Each of the five headers absent, holding or failing, with and without Range, for three methods, held against
  /// section 13.2.2 written down step by step.
  @Test func precedenceIsThatOfTheRFC() {
    let names = ["If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since", "If-Range"]
    let holding = ["\"v1\"", Self.date, "\"v2\"", Self.before, "\"v1\""]
    let failing = ["\"v2\"", Self.before, "\"v1\"", Self.date, "\"v2\""]
    var count = 0
    for method in ["GET", "HEAD", "POST"] {
      for hasRange in [false, true] {
        for combination in 0..<243 {
          var states: [Bool?] = []
          var lines = hasRange ? ["Range: bytes=0-1"] : []
          var rest = combination
          for index in 0..<5 {
            let state: Bool? = [nil, true, false][rest % 3]
            rest /= 3
            states.append(state)
            if let state { lines.append("\(names[index]): \((state ? holding : failing)[index])") }
          }
          count += 1
          #expect(
            evaluate(lines, method: method) == model(states, method: method, hasRange: hasRange), "\(method) \(lines)")
        }
      }
    }
    #expect(count == 1458)
  }

  private func model(_ states: [Bool?], method: String, hasRange: Bool) -> Conditional.Outcome {
    let (ifMatch, ifUnmodifiedSince, ifNoneMatch, ifModifiedSince, ifRange) =
      (states[0], states[1], states[2], states[3], states[4])
    let isRetrieval = method == "GET" || method == "HEAD"
    // 1
    if ifMatch == false { return .preconditionFailed }
    // 2
    if ifMatch == nil, ifUnmodifiedSince == false { return .preconditionFailed }
    // 3
    if ifNoneMatch == false { return isRetrieval ? .notModified : .preconditionFailed }
    // 4
    if isRetrieval, ifNoneMatch == nil, ifModifiedSince == false { return .notModified }
    // 5
    if method == "GET", hasRange, ifRange != nil { return .proceed(useRange: ifRange == true) }
    // 6
    return .proceed(useRange: method == "GET" && hasRange)
  }
}
