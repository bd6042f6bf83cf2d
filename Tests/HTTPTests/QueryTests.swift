// Queries and percent-encoding.

import Testing

@testable import HTTP

@Suite struct QueryTests {
  private func pairs(_ text: String) -> [[String?]] {
    let bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeBytes { buffer in unsafe Query(buffer).map { [$0.name, $0.value] } }
  }

  @Test(
    arguments: [
      ("", []), ("a=b", [["a", "b"]]), ("a=b&c=d", [["a", "b"], ["c", "d"]]), ("a", [["a", ""]]), ("a=", [["a", ""]]),
      ("=b", [["", "b"]]), ("&&a=1&&", [["a", "1"]]), ("a=b=c", [["a", "b=c"]]), ("a+b=c+d", [["a b", "c d"]]),
      ("%61=%C3%A9", [["a", "é"]]), ("a=%2B%26%3d", [["a", "+&="]]), ("a=%", [["a", nil]]), ("a=%4", [["a", nil]]),
      ("a=%zz", [["a", nil]]), ("a=%ff", [["a", nil]]), ("%=a&b=c", [[nil, "a"], ["b", "c"]]), ("=", [["", ""]]),
      ("a=?/:@", [["a", "?/:@"]]), ("a=%00", [["a", "\0"]]),
    ] as [(String, [[String?]])])
  func parametersComeApart(text: String, expected: [[String?]]) {
    #expect(pairs(text) == expected)
  }

  @Test func namesAreComparedDecoded() {
    let bytes = Array("limit=1&%6cimit=2&LIMIT=3&limi=4&limits=5&lim%zz=6".utf8)
    unsafe bytes.withUnsafeBytes { buffer in
      #expect(unsafe Query(buffer).filter { $0.isNamed("limit") }.map(\.value) == ["1", "2"])
    }
  }

  @Test func encodingKeepsTheUnreserved() {
    let kept = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    for byte in UInt8.min...UInt8.max {
      let text = PercentCoding.encode([byte])
      if kept.utf8.contains(byte) {
        #expect(text.utf8.elementsEqual([byte]))
      } else {
        let hex = String(byte, radix: 16, uppercase: true)
        #expect(text == "%" + (hex.count < 2 ? "0" : "") + hex)
      }
      let decoded = unsafe Array(text.utf8).withUnsafeBytes { buffer in unsafe PercentCoding.decode(buffer) }
      #expect(decoded == [byte])
    }
    #expect(PercentCoding.encode("a/ä b", keeping: .path) == "a/%C3%A4%20b")
    #expect(PercentCoding.encode("a/ä b") == "a%2F%C3%A4%20b")
  }

  @Test func decodingIsStrict() {
    #expect(PercentCoding.decode("a%20b+c") == "a b+c")
    #expect(PercentCoding.decode("%c3%A9") == "é")
    for text in ["%", "a%", "%1", "%g0", "%0g", "%%20", "%c3", "%ed%a0%80"] {
      #expect(PercentCoding.decode(text) == nil)
    }
  }

  @Test func classesAreThoseOfTheStandards() {
    let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    let expected: [(ByteSet, String)] = [
      (.token, "!#$%&'*+-.^_`|~" + letters), (.unreserved, "-._~" + letters), (.path, "-._~/" + letters),
      (.registeredName, "-._~!$&'()*+,;=" + letters),
    ]
    for (set, characters) in expected {
      let members = Set(characters.utf8)
      for byte in UInt8.min...UInt8.max { #expect(set.contains(byte) == members.contains(byte)) }
    }
  }
}
