// Bytes that are compared as a whole: a test that fails says how they differ, and does not print millions of them.

import Foundation
import Glibc

struct Bytes: Equatable, CustomStringConvertible {
  var array: [UInt8]

  init(_ array: [UInt8]) {
    self.array = array
  }

  /// The whole of a file.
  init(file: String) throws {
    array = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
  }

  var count: Int { array.count }
  var isEmpty: Bool { array.isEmpty }
  var text: String { String(decoding: array, as: UTF8.self) }

  subscript(index: Int) -> UInt8 {
    get { array[index] }
    set { array[index] = newValue }
  }

  subscript(range: some RangeExpression<Int>) -> Bytes { Bytes(Array(array[range])) }

  static func + (left: Bytes, right: Bytes) -> Bytes { Bytes(left.array + right.array) }

  /// By the C library: they are long, and tests are not optimised.
  static func == (left: Bytes, right: Bytes) -> Bool {
    guard left.count == right.count, left.count > 0 else { return left.count == right.count }
    return unsafe left.array.withUnsafeBytes { left in
      unsafe right.array.withUnsafeBytes { unsafe memcmp(left.baseAddress!, $0.baseAddress!, left.count) == 0 }
    }
  }

  var description: String {
    var sum: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in array.prefix(1 << 20) { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let start = array.prefix(8).map { String($0, radix: 16) }.joined(separator: " ")
    return "\(count) bytes, beginning with \(start), hash \(String(sum, radix: 16))"
  }
}
