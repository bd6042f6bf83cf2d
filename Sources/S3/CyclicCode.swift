// The arithmetic that the three CRCs share: remainders of long messages, and of two messages put together.
// It imports nothing and knows no name of a CRC: a code is a polynomial, its tables and its fold.
//
// All codes here are reflected: bit 0 of a byte is the highest power of x. A register of up to 64 bits lives in the
// low bits of a UInt64, so that one implementation serves 32 and 64 bits alike.

/// A reflected cyclic code: a polynomial with the tables that make dividing by it quick.
///
/// Long inputs are *folded* first. For each polynomial P there are words that cancel: with y = x⁶⁴,
/// y^a + y^b + … + 1 ≡ 0 (mod P) for a few small exponents. So a word of 64 bits may be taken out of the message when
/// it is XORed into a few later ones, which needs no table and lets the compiler use vectors. What is left, `reach`
/// words, goes through tables of eight bytes a step (slicing-by-8, Kounavis and Berry, 2005).
/// The exponents are not in any standard: they were found by searching the remainders of powers of y for a few that
/// sum to zero, with no distance so short that a step would wait for the stores of the one before.
/// The idea of sparse multiples is from "Chorba: a novel CRC32 implementation" (Russell, 2024).
///
/// Nothing changes once it is built, so any thread may use it at any time.
@safe
struct CyclicCode {
  /// Folds `count` words from `source` into `target`: each is the source's word XORed with the words of `target` that
  /// stand the code's distances before it; the `reach` words before `target` are the ones folded earlier.
  typealias Fold = (_ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<UInt64>, _ count: Int) -> Void

  /// The polynomial without its highest term, reflected into the low `width` bits.
  private let polynomial: UInt64
  /// Bits of the register: 32 or 64.
  private let width: Int
  /// Eight tables of 256: entry `256·k + b` is the remainder of byte b followed by k zero bytes.
  private let tables: UnsafePointer<UInt64>
  /// Entry k is x to the power 8·2^k: what appending 2^k zero bytes multiplies by.
  private let shifts: UnsafePointer<UInt64>
  /// The distances, in words, that `fold` XORs over.
  private let distances: [Int]
  private let fold: Fold

  /// Words of a strip: what is folded at a time, so that it and its history stay in the first-level cache.
  private static let strip = 2048

  /// Builds the tables, once for the life of the process; they are never freed.
  init(polynomial: UInt64, width: Int, distances: [Int], fold: @escaping Fold) {
    self.polynomial = polynomial
    self.width = width
    self.distances = distances
    unsafe self.fold = fold
    let tables = UnsafeMutablePointer<UInt64>.allocate(capacity: 8 * 256)
    for byte in 0..<256 {
      var register = UInt64(byte)
      for _ in 0..<8 { register = register & 1 == 1 ? register >> 1 ^ polynomial : register >> 1 }
      unsafe (tables + byte).initialize(to: register)
    }
    for index in 256..<(8 * 256) {
      let shorter = unsafe tables[index - 256]
      let longer = unsafe shorter >> 8 ^ tables[Int(shorter & 0xFF)]
      unsafe (tables + index).initialize(to: longer)
    }
    unsafe self.tables = UnsafePointer(tables)
    let shifts = UnsafeMutablePointer<UInt64>.allocate(capacity: Int.bitWidth)
    var power: UInt64 = 1 << UInt64(width - 1 - 8)
    for index in 0..<Int.bitWidth {
      unsafe (shifts + index).initialize(to: power)
      power = Self.product(power, power, polynomial: polynomial, width: width)
    }
    unsafe self.shifts = UnsafePointer(shifts)
  }

  /// The words at the end that folding leaves to the tables.
  private var reach: Int { distances.last ?? 0 }

  /// The register after `bytes`, from the register before them.
  func register(_ register: UInt64, after bytes: UnsafeRawBufferPointer) -> UInt64 {
    guard let start = bytes.baseAddress else { return register }
    var register = register
    var done = 0
    if bytes.count >= reach * 8 * 4 {
      done = bytes.count & ~7
      register = unsafe folded(register, start, words: bytes.count / 8)
    }
    return unsafe sliced(register, start + done, count: bytes.count - done)
  }

  /// The register after as many zero bytes as `count` says: what a message's remainder becomes when another follows.
  func register(_ register: UInt64, afterZeros count: Int) -> UInt64 {
    var register = register
    var rest = count
    while rest > 0 {
      let power = unsafe shifts[rest.trailingZeroBitCount]
      register = Self.product(power, register, polynomial: polynomial, width: width)
      rest &= rest - 1
    }
    return register
  }

  /// Eight bytes a step through the tables, then one at a time.
  private func sliced(_ register: UInt64, _ start: UnsafeRawPointer, count: Int) -> UInt64 {
    let tables = unsafe tables
    var register = register
    var offset = 0
    while offset <= count - 8 {
      let word = unsafe start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let bits = register ^ UInt64(littleEndian: word)
      let low =
        unsafe tables[1792 + Int(bits & 0xFF)] ^ tables[1536 + Int(bits >> 8 & 0xFF)]
        ^ tables[1280 + Int(bits >> 16 & 0xFF)] ^ tables[1024 + Int(bits >> 24 & 0xFF)]
      let high =
        unsafe tables[768 + Int(bits >> 32 & 0xFF)] ^ tables[512 + Int(bits >> 40 & 0xFF)]
        ^ tables[256 + Int(bits >> 48 & 0xFF)] ^ tables[Int(bits >> 56)]
      register = low ^ high
      offset += 8
    }
    while offset < count {
      let byte = unsafe start.load(fromByteOffset: offset, as: UInt8.self)
      register = unsafe register >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: register) ^ byte)]
      offset += 1
    }
    return register
  }

  /// Folds all words but the last `reach`, then divides what is left; at least `reach` words must be there.
  private func folded(_ register: UInt64, _ start: UnsafeRawPointer, words: Int) -> UInt64 {
    let reach = reach
    return unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: reach + Self.strip) { scratch in
      guard let history = scratch.baseAddress else { return register }
      // The register belongs to the first word; from here it gets there over the longest distance.
      unsafe history.initialize(repeating: 0, count: reach + Self.strip)
      unsafe history[0] = register
      var done = 0
      while done < words - reach {
        let count = min(Self.strip, words - reach - done)
        unsafe fold(start + done * 8, history + reach, count)
        unsafe history.update(from: history + count, count: reach)
        done += count
      }
      let tail = unsafe history + reach
      for index in 0..<reach {
        unsafe tail[index] = UInt64(
          littleEndian: start.loadUnaligned(fromByteOffset: (done + index) * 8, as: UInt64.self))
      }
      for distance in distances {
        let source = unsafe tail - distance
        for index in 0..<distance { unsafe tail[index] ^= source[index] }
      }
      for index in 0..<reach { unsafe tail[index] = tail[index].littleEndian }
      return unsafe sliced(0, UnsafeRawPointer(tail), count: reach * 8)
    }
  }

  /// The product of two reflected polynomials modulo the code's own.
  private static func product(_ a: UInt64, _ b: UInt64, polynomial: UInt64, width: Int) -> UInt64 {
    var mask: UInt64 = 1 << UInt64(width - 1)
    var b = b
    var product: UInt64 = 0
    while mask != 0 {
      if a & mask != 0 { product ^= b }
      b = b & 1 == 1 ? b >> 1 ^ polynomial : b >> 1
      mask >>= 1
    }
    return product
  }
}
