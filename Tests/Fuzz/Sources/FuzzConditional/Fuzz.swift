// Conditional headers: the input is the header section of a GET.
//
// Invariants: a malformed condition never makes 304 of a request without one that could, the range is used only with
// a Range header, If-Match and If-None-Match take what they must, and dates that are read are written the same.

import Driver
import HTTP

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  let text = unsafe Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8) + Array(bytes) + Array("\r\n\r\n".utf8)
  unsafe text.withUnsafeBytes { buffer in unsafe evaluate(buffer) }
  unsafe checkDate(bytes)
}

private func evaluate(_ buffer: UnsafeRawBufferPointer) {
  var head = RequestHead()
  guard case .complete = unsafe RequestParser.parse(buffer, into: &head) else { return }
  let tag = Array("\"v1\"".utf8)
  let lastModified = 784_111_777
  let outcome = unsafe tag.withUnsafeBytes { tag in
    unsafe Conditional.evaluate(head, in: buffer, etag: tag, lastModified: lastModified, now: 1_800_000_000)
  }
  switch outcome {
  case .notModified:
    check(head.contains(.ifNoneMatch) || head.contains(.ifModifiedSince), "304 has a condition")
  case .preconditionFailed:
    check(head.contains(.ifMatch) || head.contains(.ifUnmodifiedSince), "412 has a condition")
  case .proceed(let useRange):
    check(!useRange || head.contains(.range), "a range is used only when asked for")
    check(useRange || !head.contains(.range) || head.contains(.ifRange), "a range is left out only by If-Range")
  }
  if let value = unsafe head.only(.ifMatch, buffer), value == "\"v1\"" || value == "*" {
    check(outcome != .preconditionFailed, "If-Match holds for the tag")
  }
  if let value = unsafe head.only(.ifNoneMatch, buffer), value == "\"v1\"" || value == "W/\"v1\"" || value == "*" {
    check(outcome == .notModified || outcome == .preconditionFailed, "If-None-Match fails for the tag")
  }
  if let value = unsafe head.only(.ifRange, buffer), value == "W/\"v1\"" || value == "\"v2\"" {
    check(outcome != .proceed(useRange: true), "If-Range fails for another tag")
  }
}

extension RequestHead {
  /// The value of a header that there is once.
  fileprivate func only(_ name: HeaderName, _ buffer: UnsafeRawBufferPointer) -> String? {
    unsafe isRepeated(name) ? nil : self[name]?.string(in: buffer)
  }
}

/// A date that is read is written in the one form and read again the same.
private func checkDate(_ bytes: UnsafeRawBufferPointer) {
  guard let seconds = unsafe HTTPDate.parse(bytes, now: 1_800_000_000), seconds < 253_402_300_800 else { return }
  let written = Array(HTTPDate.string(seconds).utf8)
  let again = unsafe written.withUnsafeBytes { unsafe HTTPDate.parse($0, now: 0) }
  check(again == seconds, "dates go to text and back")
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzConditional_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
