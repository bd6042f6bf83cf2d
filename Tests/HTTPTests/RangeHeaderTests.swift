// Range headers: the RFC's examples, what is malformed, and coalescing against a naive model.

import Testing

@testable import HTTP

@Suite struct RangeHeaderTests {
  /// An outcome, comparable: nil for the whole, no ranges for unsatisfiable.
  private func parse(_ value: String, length: Int, gap: Int = RangeHeader.coalescingGap) -> [ByteRange]? {
    let bytes = Array(value.utf8)
    let outcome = unsafe bytes.withUnsafeBytes { buffer in
      unsafe RangeHeader.parse(buffer, length: length, gap: gap)
    }
    switch outcome {
    case .whole: return nil
    case .unsatisfiable: return []
    case .single(let range): return [range]
    case .several(let ranges):
      #expect(ranges.count >= 2)
      return Array(ranges)
    }
  }

  private func ranges(_ bounds: [Int]) -> [ByteRange] {
    stride(from: 0, to: bounds.count, by: 2).map { ByteRange(first: bounds[$0], last: bounds[$0 + 1]) }
  }

  @Test(arguments: [
    // RFC 9110, section 14.1.2, of 10000 bytes
    ("bytes=0-499", [0, 499]), ("bytes=500-999", [500, 999]), ("bytes=-500", [9500, 9999]),
    ("bytes=9500-", [9500, 9999]), ("bytes=0-0,-1", [0, 0, 9999, 9999]),
    ("bytes= ,0-0, 4500-4599", [0, 0, 4500, 4599]),
    ("bytes=500-600,601-999", [500, 999]), ("bytes=500-700,601-999", [500, 999]),
    // One range
    ("bytes=0-", [0, 9999]), ("bytes=0-9999", [0, 9999]), ("bytes=0-10000", [0, 9999]), ("bytes=9999-", [9999, 9999]),
    ("bytes=-10000", [0, 9999]), ("bytes=-10001", [0, 9999]), ("BYTES=1-2", [1, 2]), ("Bytes=1-2", [1, 2]),
    ("bytes=5-5", [5, 5]), ("bytes=007-0008", [7, 8]),
    // Lists
    ("bytes=1-2,", [1, 2]), ("bytes=,1-2", [1, 2]), ("bytes=,,,1-2,,", [1, 2]), ("bytes=, \t,1-2\t , ,", [1, 2]),
    ("bytes=1-2 , 500-501", [1, 2, 500, 501]), ("bytes=500-501,1-2", [500, 501, 1, 2]),
    ("bytes=10000-,1-2", [1, 2]), ("bytes=-0,1-2", [1, 2]), ("bytes=1-2,10000-,-0", [1, 2]),
    // Coalescing keeps the place of the first
    ("bytes=500-600,0-1,590-700", [500, 700, 0, 1]), ("bytes=0-1,500-600,2-3", [0, 3, 500, 600]),
    ("bytes=0-1,2-3", [0, 3]), ("bytes=0-1,3-4", [0, 1, 3, 4]), ("bytes=83-84,0-1", [83, 84, 0, 1]),
    ("bytes=0-1,400-401,1000-1001,2-1000", [0, 1001]), ("bytes=5-6,5-6,5-6", [5, 6]),
    // Unsatisfiable
    ("bytes=10000-", []), ("bytes=10000-10001,-0", []), ("bytes=-0", []), ("bytes=99999-99999", []),
    // Overflow
    ("bytes=9223372036854775807-", []), ("bytes=99999999999999999999-999999999999999999999", []),
    ("bytes=0-99999999999999999999", [0, 9999]), ("bytes=-99999999999999999999", [0, 9999]),
    ("bytes=1-9223372036854775808", [1, 9999]), ("bytes=18446744073709551616-", []),
    ("bytes=000000000000000000000000000001-000000000000000000000000000002", [1, 2]),
  ])
  func ranged(value: String, bounds: [Int]) {
    #expect(parse(value, length: 10_000) == ranges(bounds))
  }

  @Test(arguments: [
    "", "bytes", "bytes=", "bytes=,", "bytes= , ,", "bytes=-", "bytes=a-b", "bytes=1", "bytes=1-a", "bytes=1-2-3",
    "bytes=2-1", "bytes=0-1,5-4", "bytes=0-1;2-3", "bytes=0-1 2-3", "bytes= 0-1", "bytes =0-1", "bytes=0 -1",
    "bytes=0- 1", "bytes=--1", "bytes=+1-2", "bytes=0x1-2", "bytes:0-1", "byte=0-1", "items=0-1", "bytess=0-1", "=0-1",
    "bytes=0-1,x", "bytes=x,0-1", "bytes=10000-,x", "bytes=0-1\u{0}", "bytes\u{1d}0-1", "bytes=\u{10}-1",
    "bytes=0-5000,1-,x-", "none",
  ])
  func ignored(value: String) {
    #expect(parse(value, length: 10_000) == nil)
  }

  @Test func emptyRepresentation() {
    #expect(parse("bytes=0-", length: 0) == [])
    #expect(parse("bytes=0-0", length: 0) == [])
    #expect(parse("bytes=-0", length: 0) == [])
    #expect(parse("bytes=-1", length: 0) == nil)
    #expect(parse("bytes=0-,-1", length: 0) == nil)
  }

  @Test func oneByte() {
    #expect(parse("bytes=0-", length: 1) == ranges([0, 0]))
    #expect(parse("bytes=-1", length: 1) == ranges([0, 0]))
    #expect(parse("bytes=1-", length: 1) == [])
    #expect(parse("bytes=0-0,0-0", length: 1) == nil)
  }

  @Test func manyRangesAreTheWhole() {
    func list(_ count: Int) -> String {
      "bytes=" + (0..<count).map { "\($0 * 1000)-\($0 * 1000)" }.joined(separator: ",")
    }
    #expect(parse(list(16), length: 1_000_000)?.count == 16)
    #expect(parse(list(17), length: 1_000_000) == nil)
    #expect(parse(list(17) + ",x", length: 1_000_000) == nil)
    #expect(parse(list(16) + ",0-999999", length: 1_000_000) == nil)
    #expect(parse(list(16) + ",1-999999", length: 1_000_001) == ranges([0, 999_999]))
  }

  @Test func togetherTheWholeIsTheWhole() {
    #expect(parse("bytes=0-,0-", length: 1000) == nil)
    #expect(parse("bytes=0-499,500-", length: 1000) == nil)
    #expect(parse("bytes=0-499,500-999", length: 1000, gap: -1) == nil)
    #expect(parse("bytes=0-499,500-998", length: 1000, gap: -1) == ranges([0, 499, 500, 998]))
    #expect(parse("bytes=0-499,500-998", length: 1000, gap: 0) == ranges([0, 998]))
  }

  @Test func headerIsReadFromTheHead() {
    var head = RequestHead()
    func outcome(_ text: String) -> [ByteRange]? {
      let bytes = Array(text.utf8)
      return unsafe bytes.withUnsafeBytes { buffer in
        _ = unsafe RequestParser.parse(buffer, into: &head)
        switch unsafe RangeHeader.evaluate(head, in: buffer, length: 100) {
        case .single(let range): return [range]
        default: return nil
        }
      }
    }
    #expect(outcome(request("Range: \t bytes=1-2 ")) == ranges([1, 2]))
    #expect(outcome(request("Range: bytes=1-2", "Range: bytes=1-2")) == nil)
    #expect(outcome(request()) == nil)
  }

  /// Random lists against a bitmap that is painted range by range.
  @Test(arguments: 0..<16)
  func coalescingMatchesABitmap(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<400 {
      let length = Int.random(in: 1...400, using: &generator)
      let gap = [-1, 0, 1, 7, 80].randomElement(using: &generator) ?? 0
      var specifications: [String] = []
      var wanted: [ClosedRange<Int>] = []
      for _ in 0..<Int.random(in: 1...12, using: &generator) {
        let first = Int.random(in: 0..<length + 20, using: &generator)
        let last = min(first + Int.random(in: 0...20, using: &generator), first + length)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0:
          let suffix = Int.random(in: 0...20, using: &generator)
          specifications.append("-\(suffix)")
          if suffix > 0 { wanted.append(max(0, length - suffix)...length - 1) }
        case 1 where first > length - 20:
          specifications.append("\(first)-")
          if first < length { wanted.append(first...length - 1) }
        default:
          specifications.append("\(first)-\(last)")
          if first < length { wanted.append(first...min(last, length - 1)) }
        }
      }
      let value = "bytes=" + specifications.joined(separator: ",")
      let result = parse(value, length: length, gap: gap)
      let expected = model(wanted, length: length, gap: gap)
      #expect(result == expected, "\(value) of \(length), gap \(gap)")
    }
  }

  /// Groups of ranges that are near each other, directly or through others, found by painting each wanted byte and the
  /// gap after it; a group stands where its first range was asked for.
  private func model(_ wanted: [ClosedRange<Int>], length: Int, gap: Int) -> [ByteRange]? {
    guard wanted.count > 1 else { return wanted.map { ByteRange(first: $0.lowerBound, last: $0.upperBound) } }
    var groups: [ClosedRange<Int>] = []
    if gap < 0 {
      // Adjacent bytes of different ranges stay apart, so that a bitmap of bytes cannot tell: one of the places
      // between bytes can.
      var joined = [Bool](repeating: false, count: length)
      var painted = [Bool](repeating: false, count: length)
      for range in wanted {
        for byte in range {
          painted[byte] = true
          if byte > range.lowerBound { joined[byte] = true }
        }
      }
      for byte in 0..<length where painted[byte] {
        if joined[byte], let last = groups.popLast() {
          groups.append(last.lowerBound...byte)
        } else {
          groups.append(byte...byte)
        }
      }
    } else {
      var painted = [Bool](repeating: false, count: length)
      for range in wanted { for byte in range { painted[byte] = true } }
      for byte in 0..<length where painted[byte] {
        if let last = groups.last, byte - last.upperBound - 1 <= gap {
          groups[groups.count - 1] = last.lowerBound...byte
        } else {
          groups.append(byte...byte)
        }
      }
    }
    let sum = groups.reduce(0) { $0 + $1.count }
    if sum >= length { return nil }
    func appearance(_ group: ClosedRange<Int>) -> Int {
      wanted.firstIndex { group.contains($0.lowerBound) } ?? .max
    }
    return groups.sorted { appearance($0) < appearance($1) }
      .map { ByteRange(first: $0.lowerBound, last: $0.upperBound) }
  }
}
