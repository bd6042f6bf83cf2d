// Digests: how headers and ETags are read, which one is trusted most, and that computing them gives the known values.

import Testing

@testable import S3

@Suite("Digests")
struct DigestTests {
  static let abc: [(DigestAlgorithm, String)] = [
    (.md5, "900150983cd24fb0d6963f7d28e17f72"), (.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), (.crc32, "352441c2"),
    (.crc32c, "364b3fb7"), (.crc64nvme, "05e5cabb3fc1faeb"),
  ]

  @Test("The digests of abc are the known ones", arguments: DigestAlgorithm.allCases)
  func known(_ algorithm: DigestAlgorithm) throws {
    var whole = DigestComputation(algorithm)
    whole.update(Array("abc".utf8))
    var bytewise = DigestComputation(algorithm)
    for byte in Array("abc".utf8) { bytewise.update([byte]) }
    bytewise.update([])
    #expect(bytewise.finish() == whole.finish())
    #expect(whole.finish().count == algorithm.byteCount)
    let expected = try #require(Self.abc.first { $0.0 == algorithm }?.1)
    #expect(Hexadecimal.encode(whole.finish()) == expected)
  }

  @Test("A computation that goes on after finish digests the longer text")
  func finishTwice() {
    for algorithm in DigestAlgorithm.allCases {
      var digest = DigestComputation(algorithm)
      digest.update([1])
      let first = digest.finish()
      digest.update([2])
      var fresh = DigestComputation(algorithm)
      fresh.update([1, 2])
      #expect(digest.finish() == fresh.finish() && digest.finish() != first)
    }
  }

  @Test("A composite digest is the digest of the parts' digests", arguments: DigestAlgorithm.allCases)
  func composite(_ algorithm: DigestAlgorithm) {
    var generator = Seeded(7)
    for (size, partLength) in [(1000, 300), (900, 300), (1, 300), (300, 300), (299, 300), (5, 1)] {
      let bytes = generator.bytes(size)
      var expected = DigestComputation(algorithm)
      var parts = 0
      for start in stride(from: 0, to: size, by: partLength) {
        var part = DigestComputation(algorithm)
        part.update(Array(bytes[start..<min(start + partLength, size)]))
        expected.update(part.finish())
        parts += 1
      }
      var composite = CompositeComputation(algorithm, partLength: partLength)
      var start = 0
      while start < size {
        let end = min(size, start + Int.random(in: 0...400, using: &generator))
        unsafe bytes[start..<end].withUnsafeBytes { unsafe composite.update($0) }
        start = end
      }
      #expect(composite.finish() == expected.finish())
      #expect(composite.parts == parts)
      let longest = min(partLength, size)
      #expect(CompositeComputation.fits(size: size, parts: parts, partLength: longest))
      #expect(!CompositeComputation.fits(size: size, parts: parts + 1, partLength: longest))
    }
  }

  @Test("No part is longer than the whole")
  func partsThatFit() {
    #expect(CompositeComputation.fits(size: 9, parts: 1, partLength: 9))
    for length in [10, 1 << 62, Int.max, 0, -1] {
      #expect(!CompositeComputation.fits(size: 9, parts: 1, partLength: length), "\(length)")
    }
    #expect(!CompositeComputation.fits(size: 0, parts: 1, partLength: 1))
  }

  @Test("A header's value is read with its number of parts, or not at all")
  func headerValues() {
    let table: [(String, String?, ObjectDigest.Kind?)] = [
      ("4waSgw==", nil, .fullObject), (" 4waSgw== ", "FULL_OBJECT", .fullObject),
      ("4waSgw==", "full_object", .fullObject),
      ("4waSgw==-3", nil, .composite(parts: 3)), ("4waSgw==-3", "COMPOSITE", .composite(parts: 3)),
      ("4waSgw==-10000", nil, .composite(parts: 10_000)), ("4waSgw==", "COMPOSITE", nil),
      ("4waSgw==-3", "FULL_OBJECT", nil), ("4waSgw==-0", nil, nil), ("4waSgw==-10001", nil, nil),
      ("4waSgw==-", nil, nil), ("4waSgw==--1", nil, nil), ("4waSgw", nil, nil), ("4waSgx==", nil, nil), ("", nil, nil),
      ("4waSgw==4waSgw==", nil, nil), ("AAAAAAAAAAA=", nil, nil), ("====", nil, nil), ("4waS_w==", nil, nil),
    ]
    for (value, type, kind) in table {
      let digest = ObjectDigest(.crc32c, headerValue: value, type: type)
      #expect(digest?.kind == kind, "\(value) \(type ?? "")")
      if kind != nil { #expect(digest?.bytes == [0xE3, 0x06, 0x92, 0x83]) }
    }
    #expect(ObjectDigest(.crc32c, headerValue: "4waSgw==-3")?.headerValue == "4waSgw==-3")
    #expect(ObjectDigest(.crc32c, headerValue: "4waSgw==")?.description == "crc32c 4waSgw==")
  }

  @Test("An ETag is an MD5 only when it looks like one")
  func etags() {
    let md5 = "900150983cd24fb0d6963f7d28e17f72"
    let table: [(String, ObjectDigest.Kind?)] = [
      ("\"\(md5)\"", .fullObject), ("\"\(md5)-12\"", .composite(parts: 12)), (md5, nil), ("W/\"\(md5)\"", nil),
      ("\"\(md5.dropLast())\"", nil), ("\"\(md5)0\"", nil), ("\"\(md5)-\"", nil), ("\"\(md5)-x\"", nil),
      ("\"\(md5)-0\"", nil), ("\"\(md5.dropLast())g\"", nil), ("\"\(md5.uppercased())\"", .fullObject), ("", nil),
      ("\"", nil), ("\"\"", nil), ("\"\(md5.dropLast())é\"", nil), ("\"\(md5)-\u{301}5\"", nil),
    ]
    for (etag, kind) in table { #expect(ObjectDigest(etag: etag)?.kind == kind, "\(etag)") }
  }

  @Test("An encrypted object's ETag is no MD5")
  func encryption() {
    let etag = "\"900150983cd24fb0d6963f7d28e17f72\""
    let table: [([String: String], Bool)] = [
      ([:], true), (["x-amz-server-side-encryption": "AES256"], true),
      (["x-amz-server-side-encryption": "aws:kms"], false), (["x-amz-server-side-encryption": "aws:kms:dsse"], false),
      (["x-amz-server-side-encryption-customer-algorithm": "AES256"], false),
    ]
    for (headers, isMD5) in table {
      let all = ObjectDigest.all { name in name == "etag" ? etag : headers[name] }
      #expect(all.contains { $0.algorithm == .md5 } == isMD5, "\(headers)")
    }
  }

  @Test("The strongest digest is of the whole object before of its parts, then by algorithm")
  func strongest() throws {
    let zeros = { (algorithm: DigestAlgorithm, kind: ObjectDigest.Kind) in
      ObjectDigest(algorithm, Array(repeating: 0, count: algorithm.byteCount), kind: kind)
    }
    let order: [DigestAlgorithm] = [.sha256, .sha1, .crc64nvme, .crc32c, .crc32, .md5]
    let ranked =
      order.compactMap { zeros($0, .fullObject) } + order.compactMap { zeros($0, .composite(parts: 2)) }
    #expect(ranked.count == 12)
    var generator = Seeded(8)
    for start in ranked.indices {
      #expect(ObjectDigest.strongest(of: ranked[start...].shuffled(using: &generator)) == ranked[start])
      let whole = ranked[start...].first { $0.kind == .fullObject }
      #expect(ObjectDigest.strongest(of: Array(ranked[start...]), composites: false) == whole)
    }
    #expect(ObjectDigest.strongest(of: []) == nil)
    #expect(ObjectDigest(.sha256, [1, 2, 3]) == nil)
  }

  @Test("Base64 and hexadecimal undo themselves")
  func encodings() {
    var generator = Seeded(9)
    for length in 0...40 {
      let bytes = generator.bytes(length)
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Hexadecimal.decode(Hexadecimal.encode(bytes).utf8) == bytes)
      #expect(PercentEncoding.decode(PercentEncoding.encode(bytes, keepingSlash: length % 2 == 0)) == bytes)
    }
    let rfc4648 = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]
    for (length, text) in rfc4648.enumerated() { #expect(Base64.encode(Array("foobar".utf8.prefix(length))) == text) }
    for text in ["Z", "Zg=", "Zg", "Zh==", "Zm9=", "Z===", "Zg==Zg==", " Zg=", "=Zg="] {
      #expect(Base64.decode(text) == nil)
    }
    for text in ["0", "0g", "g0", "0-"] { #expect(Hexadecimal.decode(text.utf8) == nil) }
  }
}
