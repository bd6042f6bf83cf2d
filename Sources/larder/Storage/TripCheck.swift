// Whose fault a signal is: the kernel tells the address that was reached for and what the processor was at, and
// /proc/self/maps what lies where. Read in a signal handler, so it allocates nothing and calls only what may be called
// there (signal-safety(7)).

import Glibc

/// Whether LMDB tripped: what was reached for lies in the ledger's map or in the hole behind it, or it was LMDB that ran, or
/// the C library on its behalf.
struct TripCheck {
  private let fault: UInt
  /// The instruction, and what stood in the register that keeps where it goes on after it, where there is such a one.
  private let code: (UInt, UInt)
  private let stack: UInt

  // What the maps say.
  private var isInMap = false
  private var library: Range<UInt> = 0..<0
  private var endOfStack: UInt = 0

  /// How far up the stack a return to LMDB is looked for: the frames of `memmove(3)`, or of `abort(3)` in `free(3)`.
  private static var reach: UInt { 4096 }

  /// - Parameters:
  ///   - fault: the address that was reached for; 0 for none.
  ///   - context: what the handler got, a `ucontext_t`.
  init(fault: UInt, context: UnsafeMutableRawPointer?) {
    self.fault = fault
    guard let context = unsafe context?.assumingMemoryBound(to: ucontext_t.self) else {
      (code, stack) = ((0, 0), 0)
      readMaps()
      return
    }
    #if arch(x86_64)
      // REG_RIP and REG_RSP of <sys/ucontext.h>.
      code = (UInt(truncatingIfNeeded: unsafe context.pointee.uc_mcontext.gregs.16), 0)
      stack = UInt(truncatingIfNeeded: unsafe context.pointee.uc_mcontext.gregs.15)
    #elseif arch(arm64)
      code = (
        UInt(unsafe context.pointee.uc_mcontext.pc), UInt(unsafe context.pointee.uc_mcontext.regs.30)
      )
      stack = UInt(unsafe context.pointee.uc_mcontext.sp)
    #else
      (code, stack) = ((0, 0), 0)
    #endif
    readMaps()
  }

  var isLedgers: Bool {
    if isInMap || library.contains(code.0) || library.contains(code.1) { return true }
    guard !library.isEmpty, stack != 0, stack & 7 == 0 else { return false }
    var word = stack
    let end = min(endOfStack, stack + Self.reach)
    while word + 8 <= end {
      if let value = unsafe UnsafePointer<UInt>(bitPattern: word)?.pointee, library.contains(value) { return true }
      word += 8
    }
    return false
  }

  // MARK: /proc/self/maps

  /// A line is "start-end rwxp offset device inode path", in order of the addresses.
  private struct Line {
    var start: UInt = 0
    var end: UInt = 0
    /// How many fields have ended.
    var fields = 0
    /// The last eight bytes, which are as many as the names that are looked for.
    var last: UInt64 = 0
    var isExecutable = false
    var isLedger = false
    var isLibrary = false
  }

  /// "data.mdb" and "/liblmdb", as numbers.
  private static var ledgerName: UInt64 { 0x6461_7461_2E6D_6462 }
  private static var libraryName: UInt64 { 0x2F6C_6962_6C6D_6462 }

  private mutating func readMaps() {
    let file = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    var line = Line()
    var buffer: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    while true {
      let count = unsafe withUnsafeMutableBytes(of: &buffer) { unsafe read(file, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      for index in 0..<count {
        let byte = unsafe withUnsafeBytes(of: &buffer) { unsafe $0[index] }
        take(byte, &line)
      }
    }
  }

  private mutating func take(_ byte: UInt8, _ line: inout Line) {
    if byte == 0x0A {
      judge(line)
      line = Line()
      return
    }
    line.last = line.last << 8 | UInt64(byte)
    switch (line.fields, byte) {
    case (0, 0x2D), (_, 0x20): line.fields += 1
    case (0, _): line.start = line.start << 4 | Self.digit(byte)
    case (1, _): line.end = line.end << 4 | Self.digit(byte)
    case (2, 0x78): line.isExecutable = true
    default: break
    }
    if line.last == Self.ledgerName { line.isLedger = true }
    if line.last == Self.libraryName { line.isLibrary = true }
  }

  private static func digit(_ byte: UInt8) -> UInt { UInt(byte < 0x3A ? byte & 0xF : (byte & 0xF) + 9) }

  private mutating func judge(_ line: Line) {
    // The last one that begins before it holds it, or the hole before it.
    if line.start <= fault { isInMap = line.isLedger }
    if line.isLibrary, line.isExecutable { library = line.start..<line.end }
    if line.start <= stack, stack < line.end { endOfStack = line.end }
  }
}
