// The small codings: percent-encoding, hexadecimal, base64, queries and dates, ours for HTTP against ours for S3.
//
// Invariants: what is encoded is decoded the same; a strict decoder takes nothing that it would not write; two readers
// of one format agree wherever both read; a query is its parameters and nothing else.

import Driver

@testable import HTTP
@testable import S3

private func fuzz(_ bytes: UnsafeRawBufferPointer) {
  guard let choice = unsafe bytes.first else { return }
  let rest = unsafe Array(bytes.dropFirst())
  switch choice % 4 {
  case 0: checkPercent(rest)
  case 1: checkDigits(rest)
  case 2: checkQuery(rest)
  default: checkDate(rest, now: 1_800_000_000)
  }
}

private func checkPercent(_ bytes: [UInt8]) {
  for keepsSlash in [false, true] {
    let encoded = PercentEncoding.encode(bytes, keepingSlash: keepsSlash)
    check(encoded == PercentCoding.encode(bytes, keeping: keepsSlash ? .path : .unreserved), "both encode the same")
    check(PercentEncoding.decode(encoded) == bytes, "percent-encoding undoes itself")
    check(decoded(Array(encoded.utf8), plusIsSpace: false) == bytes, "and so does the other")
    check(decoded(Array(encoded.utf8), plusIsSpace: true) == bytes, "a plus is encoded")
  }
  guard let text = String(validating: bytes, as: UTF8.self) else { return }
  let lenient = PercentEncoding.decode(text)
  if let strict = decoded(bytes, plusIsSpace: false) {
    check(strict == lenient, "what is well-formed is decoded the same")
    check(strict.count <= bytes.count, "decoding makes nothing longer")
  } else {
    check(lenient.contains(0x25), "what is not well-formed keeps a percent sign")
  }
}

private func decoded(_ bytes: [UInt8], plusIsSpace: Bool) -> [UInt8]? {
  unsafe bytes.withUnsafeBytes { unsafe PercentCoding.decode($0, plusIsSpace: plusIsSpace) }
}

private func checkDigits(_ bytes: [UInt8]) {
  check(Base64.decode(Base64.encode(bytes)) == bytes, "base64 undoes itself")
  check(Hexadecimal.decode(Array(Hexadecimal.encode(bytes).utf8)) == bytes, "hexadecimal undoes itself")
  guard let text = String(validating: bytes, as: UTF8.self) else { return }
  if let read = Base64.decode(text) {
    check(Base64.encode(read).utf8.elementsEqual(bytes), "only one text stands for the bytes")
  }
  if let read = Hexadecimal.decode(bytes) {
    check(Hexadecimal.encode(read) == text.lowercased(), "case is all that digits may differ in")
  }
  if let number = decimal(text) {
    let digits = Array(bytes.drop { $0 == 0x30 })
    check(number >= 0 && Array("\(number)".utf8) == (digits.isEmpty ? [0x30] : digits), "numbers are their digits")
  }
}

private func checkQuery(_ bytes: [UInt8]) {
  let parameters = bytes.split(separator: 0x26)
  unsafe bytes.withUnsafeBytes { buffer in
    var rest = parameters[...]
    for item in unsafe Query(buffer) {
      guard let parameter = rest.popFirst() else { return check(false, "there are no more parameters than there are") }
      let halves = parameter.split(separator: 0x3D, maxSplits: 1, omittingEmptySubsequences: false)
      func text(_ bytes: ArraySlice<UInt8>) -> String? {
        decoded(Array(bytes), plusIsSpace: true).flatMap { String(validating: $0, as: UTF8.self) }
      }
      check(item.name == text(halves[0]), "names are what stands before the first =")
      check(item.value == (halves.count > 1 ? text(halves[1]) : ""), "values are what stands behind it")
      check(item.isNamed("token") == item.name?.utf8.elementsEqual("token".utf8) ?? false, "names compare by bytes")
    }
    check(rest.isEmpty, "there are no fewer either")
  }
}

private func checkDate(_ bytes: [UInt8], now: Int) {
  let seconds = unsafe bytes.withUnsafeBytes { unsafe HTTPDate.parse($0, now: now) }
  if let seconds, (-62_167_219_200...253_402_300_799).contains(seconds) {
    let written = HTTPDate.string(seconds)
    check(written.utf8.count == HTTPDate.count, "dates have one length")
    let again = unsafe Array(written.utf8).withUnsafeBytes { unsafe HTTPDate.parse($0, now: now) }
    check(again == seconds, "dates go to text and back")
    check(CalendarTime(httpDate: written)?.unixSeconds == Int64(seconds), "the other reader reads them too")
  }
  guard let text = String(validating: bytes, as: UTF8.self) else { return }
  let isLeap = bytes.count >= 23 && bytes[bytes.count - 6..<bytes.count - 4].elementsEqual("60".utf8)
  if let other = CalendarTime(httpDate: text), let seconds, !isLeap {
    check(other.unixSeconds == Int64(seconds), "both readers read the same")
  }
  if let time = CalendarTime(basic: text) {
    check(time.basic == text || bytes.suffix(3).starts(with: "60".utf8), "a signature's time is written as it was read")
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzz(UnsafeRawBufferPointer(start: data, count: count))
  return 0
}

@_cdecl("FuzzCoding_main")
public func fuzzMain(_ argc: CInt, _ argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  unsafe runFuzzer(argc, argv, fuzzOne)
}
