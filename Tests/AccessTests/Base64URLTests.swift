import Foundation
import Testing

@testable import Access

@Suite struct Base64URLTests {
  /// RFC 4648 section 10 without padding, RFC 7515 appendix C, and both special characters.
  @Test(
    arguments: [
      ("", []), ("Zg", Array("f".utf8)), ("Zm8", Array("fo".utf8)), ("Zm9v", Array("foo".utf8)),
      ("Zm9vYg", Array("foob".utf8)), ("Zm9vYmE", Array("fooba".utf8)), ("Zm9vYmFy", Array("foobar".utf8)),
      ("A-z_4ME", [3, 236, 255, 224, 193]),
    ] as [(String, [UInt8])])
  func vectors(text: String, bytes: [UInt8]) {
    #expect(Base64URL.encode(bytes) == text)
    #expect(Base64URL.decode(text.utf8) == bytes)
  }

  @Test(arguments: ["A", "AAAAA", "Zg==", "Zg=", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm 9v", "Zm9v\n", "Zm9v=", "Zé9v"])
  func refused(text: String) {
    #expect(Base64URL.decode(text.utf8) == nil)
  }

  @Test func agreesWithFoundation() {
    var random = SeededGenerator(seed: 1)
    for length in 0..<200 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      let text = Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
        "=", with: "")
      #expect(Base64URL.encode(bytes) == text)
      #expect(Base64URL.decode(text.utf8) == bytes)
    }
  }

  @Test func everyTextHasOneReading() {
    for first in 0...255 as ClosedRange<UInt8> {
      for second in 0...255 as ClosedRange<UInt8> {
        guard let bytes = Base64URL.decode([first, second]) else { continue }
        #expect(Array(Base64URL.encode(bytes).utf8) == [first, second])
      }
    }
  }
}

@Suite struct ConstantTimeTests {
  @Test func findsEachDifference() {
    for length in 0..<40 {
      let bytes = (0..<length).map { UInt8($0) }
      #expect(areEqual(bytes, bytes))
      #expect(!areEqual(bytes, bytes + [0]))
      for place in 0..<length {
        for bit in 0..<8 {
          var other = bytes
          other[place] ^= 1 << UInt8(bit)
          #expect(!areEqual(bytes, other))
        }
      }
    }
  }

  private func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    unsafe a.withUnsafeBytes { first in unsafe b.withUnsafeBytes { unsafe areEqualInConstantTime(first, $0) } }
  }
}

@Suite struct AuthorizationTests {
  @Test(
    arguments: [
      ("Bearer abc.def.ghi", "abc.def.ghi"), ("bearer x", "x"), ("BEARER   x", "x"), ("Bearer a b", "a b"),
      ("Bearer", nil), ("Bearer ", nil), ("Bearer    ", nil), ("Bearerx", nil), ("Bearer\tx", nil), ("Basic eDp5", nil),
      ("", nil), ("Bear", nil), (" Bearer x", nil), ("BeareR x", "x"), ("\u{2}earer x", nil),
    ] as [(String, String?)])
  func token(value: String, token: String?) {
    let found = unsafe Array(value.utf8).withUnsafeBytes { bytes in
      unsafe Authorization.bearerToken(in: bytes).map { unsafe String(decoding: $0, as: UTF8.self) }
    }
    #expect(found == token)
  }
}
