// Answers of an object store: `status first last total`, header lines, an empty line, a body.
//
// Invariants: an answer is good only when every part of it says that it is what was asked for, of the version that was
// asked for; a redirection leads to no stranger; a head that is found is whole; digests are written as they were read;
// what an error body says is short and printable, whatever the body is.

import Driver

@testable import S3

/// K, ; and é have lookalikes that Swift's == takes for the same.
private let etag = "\"K;\u{E9}0123456789abcdef\""
private let now: Int64 = 1_800_000_000

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  guard let answer = unsafe Answer(Array(bytes)) else { return }
  let body = unsafe answer.body.withUnsafeBytes { unsafe S3ErrorBody(parsing: $0) }
  checkBody(body, answer.body)
  checkRange(answer, body)
  checkHead(answer)
  if let length = ObjectResponse.partLength(status: answer.status, etag: etag, header: answer.header) {
    check(length > 0, "parts have bytes")
    check(answer.has("etag", etag) && answer.header("content-length").map(decimalOf) == length, "the part is stated")
  }
  checkFailure(OriginFailure(status: answer.status, error: body, region: "r", now: now, header: answer.header))
}

// MARK: - The input

private struct Answer {
  let status: Int
  let asked: RangeAsked
  let headers: [String: String]
  let body: [UInt8]

  init?(_ bytes: [UInt8]) {
    var lines = bytes.split(separator: 0x0A, maxSplits: 40, omittingEmptySubsequences: false)[...]
    let numbers = (lines.popFirst() ?? []).split(separator: 0x20).compactMap {
      decimal(String(decoding: $0, as: UTF8.self))
    }
    guard numbers.count == 4, (100...599).contains(numbers[0]), numbers[1] <= numbers[2], numbers[2] < numbers[3]
    else { return nil }
    var headers: [String: String] = [:]
    while let line = lines.popFirst(), !line.isEmpty {
      guard let colon = line.firstIndex(of: 0x3A) else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      let value = String(decoding: line[line.index(after: colon)...], as: UTF8.self)
      // As a transfer does it: what came several times is joined.
      headers[name] = headers[name].map { $0 + ", " + value } ?? value
    }
    status = numbers[0]
    asked = RangeAsked(numbers[1]...numbers[2], total: numbers[3], etag: etag)
    self.headers = headers
    body = Array(lines.joined(separator: [0x0A]))
  }

  func header(_ name: String) -> String? { headers[name] }

  /// Whether a header is this, but for the blanks around it, byte by byte.
  func has(_ name: String, _ value: String) -> Bool { headers[name].map { bare($0) == Array(value.utf8) } ?? false }
}

private func bare(_ text: String) -> [UInt8] {
  let blank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
  return Array(text.utf8.drop(while: blank).reversed().drop(while: blank).reversed())
}

/// A number in plain digits, -1 for anything else.
private func decimalOf(_ text: String) -> Int {
  let digits = bare(text)
  guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return -1 }
  return Int(String(decoding: digits, as: UTF8.self)) ?? -1
}

// MARK: - Checks

private func checkRange(_ answer: Answer, _ body: S3ErrorBody) {
  func interpreted(_ asked: RangeAsked) -> RangeAnswer {
    ObjectResponse.range(
      asked, status: answer.status, error: body, region: "r", now: now, header: answer.header)
  }
  let asked = answer.asked
  switch interpreted(asked) {
  case .good(let length):
    check(length == asked.range.count, "so many bytes follow as were asked for")
    if answer.status == 206 {
      check(statesRange(answer, asked), "the range is stated")
      check(answer.has("etag", etag), "the version is the one that was asked for")
    } else {
      check(answer.status == 200 && length == asked.total, "a whole answer is for the whole object")
      check(answer.has("etag", etag), "a whole answer states the version")
    }
    if let stated = answer.header("content-length") { check(decimalOf(stated) == length, "the length is stated right") }
    for name in ["content-encoding", "transfer-encoding"] {
      let coding = answer.header(name).map { String(decoding: bare($0), as: UTF8.self).lowercased() } ?? ""
      check(["", "identity", "chunked"].contains(coding), "the bytes are not coded")
    }
    if asked.range.upperBound + 1 < asked.total {
      let next = RangeAsked(asked.range.lowerBound + 1...asked.range.upperBound + 1, total: asked.total, etag: etag)
      if case .good = interpreted(next) { check(false, "one answer is not good for two questions") }
    }
    let larger = RangeAsked(asked.range, total: asked.total + 1, etag: etag)
    if case .good = interpreted(larger) { check(false, "an answer is good for one length only") }
  case .changed(let reason):
    check(!reason.isEmpty, "there is a reason")
    let isAnswer = (200..<300).contains(answer.status)
    check(isAnswer || [412, 416].contains(answer.status), "errors are no other version")
    check(!isAnswer || !answer.has("etag", etag), "the same version is no other one")
  case .failed(let failure): checkFailure(failure)
  }
}

/// `bytes FIRST-LAST/TOTAL` with the numbers that were asked for.
private func statesRange(_ answer: Answer, _ asked: RangeAsked) -> Bool {
  let words = bare(answer.header("content-range") ?? "").split(separator: 0x20, omittingEmptySubsequences: false)
  guard words.count == 2, String(decoding: words[0], as: UTF8.self).lowercased() == "bytes" else { return false }
  let numbers = words[1].split(omittingEmptySubsequences: false) { $0 == 0x2D || $0 == 0x2F }
  return numbers.map { decimalOf(String(decoding: $0, as: UTF8.self)) }
    == [asked.range.lowerBound, asked.range.upperBound, asked.total]
}

private func checkHead(_ answer: Answer) {
  switch ObjectResponse.head(status: answer.status, region: "r", now: now, header: answer.header) {
  case .found(let head):
    check(answer.status == 200 && head.size >= 0, "an object has a size")
    check(decimalOf(answer.header("content-length") ?? "") == head.size, "the size is stated")
    check(ObjectResponse.isStrong(etag: head.etag) && answer.has("etag", head.etag), "the ETag is strong, and as sent")
    for digest in head.digests { checkDigest(digest, head.etag) }
    if let best = ObjectDigest.strongest(of: head.digests) { check(head.digests.contains(best), "it is one of them") }
  case .failed(let failure): checkFailure(failure)
  }
}

private func checkDigest(_ digest: ObjectDigest, _ etag: String) {
  check(digest.bytes.count == digest.algorithm.byteCount, "a digest has its length")
  if case .composite(let parts) = digest.kind { check((1...10_000).contains(parts), "an object has some parts") }
  if digest.algorithm == .md5 {
    let parts = if case .composite(let parts) = digest.kind { "-\(parts)" } else { "" }
    let expected = "\"\(Hexadecimal.encode(digest.bytes))\(parts)\""
    let isPlain = etag.lowercased().utf8.elementsEqual(expected.utf8)
    check(isPlain || etag.contains("-0") && !parts.isEmpty, "an MD5 is the whole ETag")
  } else {
    let again = ObjectDigest(digest.algorithm, headerValue: digest.headerValue)
    check(again == digest, "digests go to text and back")
  }
}

private func checkBody(_ error: S3ErrorBody, _ body: [UInt8]) {
  for name in [error.code, error.region].compactMap(\.self) {
    check((1...128).contains(name.utf8.count), "names are short")
    check(name.utf8.allSatisfy { $0 == 0x2D || $0 == 0x2E || $0 == 0x5F || isAlphanumeric($0) }, "names are plain")
  }
  if let message = error.message {
    check((1...512).contains(message.utf8.count), "messages are short")
    check(!message.unicodeScalars.contains { $0.properties.generalCategory == .control }, "messages are printable")
  }
  let start = unsafe body.prefix(S3ErrorBody.limit).withUnsafeBytes { unsafe S3ErrorBody(parsing: $0) }
  check(start == error, "only the beginning is looked at")
}

private func checkFailure(_ failure: OriginFailure) {
  check(!failure.description.isEmpty, "a failure says what it is")
  if case .troubled(_, let wait?) = failure { check(wait >= 0, "waits are not negative") }
  if case .redirected(let redirection) = failure { checkRedirection(redirection) }
}

private let home: Endpoint = {
  let address = "https://s3.us-east-1.amazonaws.com"
  let made = try? Endpoint(address, region: "us-east-1", bucket: "films", addressing: .path)
  guard let made else { fatalError("the endpoint is sound") }
  return made
}()

/// Whatever a redirection says, what follows goes to the same store's own hosts, encrypted, for the same bucket.
private func checkRedirection(_ redirection: Redirection) {
  do throws(EndpointError) {
    let place = try home.following(redirection, forKey: Array("k/a b.mp4".utf8))
    check(place.isSecure && place.port == nil && place.bucket == "films", "scheme, port and bucket stay")
    check(Endpoint.isRegion(place.region), "the region is one")
    let region = place.region.lowercased()
    let hosts = ["s3", "s3.\(region)", "s3-\(region)", "s3.dualstack.\(region)", "s3.us-east-1"]
    check(hosts.contains { Array("\($0).amazonaws.com".utf8) == Array(place.host.utf8) }, "the host is the store's")
    check(place.authority.utf8.elementsEqual(place.host.utf8), "nothing comes before or behind the host")
  } catch {
    check(!error.description.utf8.contains { $0 < 0x20 }, "errors are one line")
  }
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzAnswer_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
